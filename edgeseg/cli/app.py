"""The command line's root; each command is a module of its own that adds itself here."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeseg import __version__

app = typer.Typer(
    name="edgeseg",
    help="Segment images from words.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(is_set: bool) -> None:
    if is_set:
        print(f"edgeseg {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Segment images from words."""
