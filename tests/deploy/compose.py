"""Reads the Compose files as Compose does: anchors merged, ``extends`` followed."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CPU, GPU = "docker-compose.no-gpu.yml", "docker-compose.yml"
WORKERS = ("simplifier", "grounding_dino", "sam2")
SERVICES = {"frontend", "backend", "redis", "weights", *WORKERS}
Service = dict[str, Any]


def services(name: str) -> dict[str, Service]:
    """Return the services of a file, each with what it extends."""
    document: dict[str, dict[str, Service]] = yaml.safe_load((ROOT / name).read_text())
    return {each: _whole(service) for each, service in document["services"].items()}


def _whole(service: Service) -> Service:
    base = service.get("extends")
    if base is None:
        return service
    merged: Service = _merged(services(base["file"])[base["service"]], service)
    return merged


def _merged(under: Any, over: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return deepcopy(over)
    made = deepcopy(under)
    for key, value in over.items():
        made[key] = _merged(made[key], value) if key in made else deepcopy(value)
    return made
