"""The HTTP orchestrator: takes requests, submits tasks, waits for events, answers."""

from backend.app import create_app

__all__ = ["create_app"]
