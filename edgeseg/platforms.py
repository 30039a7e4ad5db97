"""What differs between systems: CPU cores, child processes, open files and the cache folder."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import platformdirs

# Libraries, logs, uploads and connections to Redis.
_OTHER_FILES = 500


def cpu_count() -> int:
    """Return how many CPU cores this process may use: its affinity where the system has one."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def module_command(module: str) -> list[str]:
    """Return the command that runs a module of ours, in `module_environment`."""
    return [sys.executable, "-P", "-m", module]


def services_root() -> Path:
    """Return the folder that holds the packages of the services.

    In a checkout they lie beside this package; installed, they are inside of it, so that no name of
    theirs stands in everybody's site-packages.
    """
    installed = Path(__file__).parent / "_services"
    return installed if installed.is_dir() else Path(__file__).parents[1]


def module_environment() -> dict[str, str]:
    """Return an environment in which ours is found first, before what ``PYTHONPATH`` names.

    Nothing is imported from the current folder, also not by the processes that children start.
    """
    ours = dict.fromkeys((str(services_root()), str(Path(__file__).parents[1])))
    path = os.pathsep.join(filter(None, [*ours, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


def cache_dir() -> Path:
    """Return the folder for what can be fetched again: on Linux ``~/.cache/edgeseg``.

    That folder stays in use where it exists already, whatever the system's own would be.
    """
    usual = Path("~/.cache/edgeseg").expanduser()
    return usual if usual.is_dir() else platformdirs.user_cache_path("edgeseg", appauthor=False)


def raise_open_files(connections: int) -> None:
    """Allow this process to open a file for each connection, as far as the system lets it."""
    if importlib.util.find_spec("resource") is None:
        return
    resource = importlib.import_module("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
