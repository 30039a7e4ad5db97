"""``edgeseg keys``: keys of the API."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from edgeseg.api_keys import entry_of, new_key, parse_entries
from edgeseg.cli.app import app
from edgeseg.errors import InvalidParameterError

keys_app = typer.Typer(help="Make keys of the API.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys_app, name="keys")


@keys_app.command()
def new(
    name: Annotated[str, typer.Argument(help="Who the key is for: letters, digits, . _ -")],
    file: Annotated[
        Path | None,
        typer.Option(help="Add it to this file, that of EDGESEG_API_KEYS_FILE."),
    ] = None,
) -> None:
    """Print a new key, which is not kept anywhere, and what the API needs to know it by."""
    key = new_key()
    entry = entry_of(name, key)
    if file is not None:
        _add(file, name, entry)
    print(f"Key    {key}")
    print(f"Entry  {entry}" + ("" if file is None else f"  (added to {file})"))


def _add(file: Path, name: str, entry: str) -> None:
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if name in parse_entries(text.splitlines()):
        raise InvalidParameterError(f"{file} has a key of the name {name!r} already.")
    separator = "\n" if text and not text.endswith("\n") else ""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open(descriptor, "a", encoding="utf-8") as out:
        out.write(f"{separator}{entry}\n")
