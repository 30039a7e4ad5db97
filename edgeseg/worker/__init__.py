"""The worker of every service: one loop, one role, an engine that is loaded before it registers."""

from edgeseg.worker.service import serve

__all__ = ["serve"]
