"""``edgeseg engines``: which engines there are, and which can run here."""

from __future__ import annotations

import json
import logging
from typing import Annotated

import typer

from edgeseg.cli.app import app
from edgeseg.cli.table import table
from edgeseg.engines import registry
from edgeseg.engines.weights.store import WeightStore
from edgeseg.schemas import EngineInfo
from edgeseg.settings import get_settings

_TITLES = ("", "role", "engine", "size", "licence", "weights", "here", "what it is")


engines = typer.Typer(
    invoke_without_command=True,
    help="List the engines by role, the star marks the one in use; fetch weights.",
)
app.add_typer(engines, name="engines")


@engines.callback()
def show(
    context: typer.Context,
    role: Annotated[
        str | None, typer.Option(help="Only this role: simplify, detect, segment or ground.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the engines by role; the star marks the one in use."""
    if context.invoked_subcommand is not None:
        return
    if role is not None and role not in registry.ROLES:
        raise typer.BadParameter(f"expected one of {', '.join(registry.ROLES)}", param_hint="role")
    rows = [row for row in registry.describe(get_settings()) if role in (None, row.role)]
    if as_json:
        print(json.dumps([row.model_dump() for row in rows], indent=2))
        return
    print(table([_TITLES, *(_row(each) for each in rows)]))
    for missing, names in _absent(rows).items():
        print(f"\n{', '.join(names)}: {missing}.")


@engines.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Engines, as `edgeseg engines` names them; none: those in use."),
    ] = None,
) -> None:
    """Fetch the weights of engines into EDGESEG_WEIGHTS_DIR: edgeseg engines pull sam2.1-tiny"""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = get_settings()
    store = WeightStore.from_settings(settings)
    used = [name for role in registry.ROLES if (name := settings.engine_for(role))]
    for name in names or dict.fromkeys(used):
        entries = registry.called(name)
        for path in dict.fromkeys(path for each in entries for path in registry.fetch(each, store)):
            print(f"{name}: {path}")
        if not any(each.sources for each in entries):
            print(f"{name}: has no weights to fetch")


def _absent(rows: list[EngineInfo]) -> dict[str, list[str]]:
    """Return the names of engines that cannot run here, by what they are missing."""
    absent: dict[str, list[str]] = {}
    for each in rows:
        if not each.available:
            absent.setdefault(each.missing.replace(each.name, "NAME"), []).append(each.name)
    return absent


def _row(each: EngineInfo) -> tuple[str, ...]:
    size = "" if each.size_mb is None else f"{each.size_mb:.1f} MB"
    return (
        "*" if each.default else "",
        each.role,
        each.name,
        size,
        each.licence,
        each.weights,
        "yes" if each.available else "no",
        each.description,
    )
