"""Which pages of other origins may use the API, and what they may send and read (CORS)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_METHODS = ("GET", "POST", "DELETE")
_SENT = ("Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Prefer")
_SHOWN = ("Content-Disposition", "Location", "Preference-Applied", "Retry-After")


def cors_origins(names: Sequence[str]) -> tuple[str, ...]:
    """Return origins as browsers write them: in lower case, without a slash at the end."""
    return tuple(name.strip().rstrip("/").lower() for name in names)


def cors_options(names: Sequence[str]) -> dict[str, Any]:
    """Return the options of Starlette's CORSMiddleware for pages of these origins; no cookies."""
    return {
        "allow_origins": cors_origins(names),
        "allow_methods": _METHODS,
        "allow_headers": _SENT,
        "expose_headers": _SHOWN,
    }
