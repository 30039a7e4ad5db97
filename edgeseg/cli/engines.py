"""``edgeseg engines``: which engines there are, and which can run here."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from edgeseg.cli.app import app
from edgeseg.engines import registry
from edgeseg.schemas import EngineInfo
from edgeseg.settings import Role, get_settings


@app.command()
def engines(
    role: Annotated[
        str | None, typer.Option(help="Only this role: simplify, detect, segment or ground.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the engines by role; the star marks the one in use."""
    if role is not None and role not in registry.ROLES:
        raise typer.BadParameter(f"expected one of {', '.join(registry.ROLES)}", param_hint="role")
    rows = [row for row in registry.describe(get_settings()) if role in (None, row.role)]
    if as_json:
        print(json.dumps([row.model_dump() for row in rows], indent=2))
        return
    for known in registry.ROLES:
        _print_role(known, [row for row in rows if row.role == known])


def _print_role(role: Role, rows: list[EngineInfo]) -> None:
    for row in rows:
        star = "*" if row.default else " "
        state = "ready" if row.available else f"not here: {row.missing}"
        print(f"{star} {role:<9}{row.name:<12}{row.description} [{row.licence}] {state}")
