"""Serves the queue of the simplify stage: ``python -m simplifier_service.service``."""

from edgeseg.worker import serve

if __name__ == "__main__":
    serve("simplify")
