"""Serves the queue of the segment and ground stages: ``python -m sam2_service.service``."""

from edgeseg.worker import serve

if __name__ == "__main__":
    serve("segment", "ground")
