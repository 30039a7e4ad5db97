"""Serves the queue of the detect stage: ``python -m grounding_dino_service.service``."""

from edgeseg.worker import serve

if __name__ == "__main__":
    serve("detect")
