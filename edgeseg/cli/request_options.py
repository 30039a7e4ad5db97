"""Options of a command that are fields of a request: described, and left alone, as there."""

from __future__ import annotations

from typing import Any

import typer
from pydantic import BaseModel


def option(
    request: type[BaseModel], name: str, *flags: str, show_default: str | None = None
) -> Any:
    """Return an option that a field describes; ``show_default`` is said in place of its default.

    What only JSON has, a null, stands behind a semicolon there and is left out.
    """
    about = str(request.model_fields[name].description)
    if "; null" in about:
        about = about.partition("; null")[0] + "."
    return typer.Option(*flags, help=about, show_default=show_default or True)


def default(request: type[BaseModel], name: str) -> Any:
    """Return the default of a field."""
    return request.model_fields[name].default
