"""What differs between operating systems: processor cores and the cache folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cpu_count() -> int:
    """Return how many CPU cores this process may use: its affinity where the system has one."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def cache_dir() -> Path:
    """Return the folder for what can be fetched again: on Linux ``~/.cache/edgeseg``.

    That folder stays in use where it exists already, whatever the system's own would be.
    """
    usual = Path("~/.cache/edgeseg").expanduser()
    return usual if usual.is_dir() else platformdirs.user_cache_path("edgeseg", appauthor=False)
