"""``edgeseg simplify``: what a prompt stands for, before anything is segmented."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeseg.cli.app import app
from edgeseg.language.filter_text import filter_text


@app.command()
def simplify(
    prompt: Annotated[str, typer.Argument(help="What to find, in your own words.")],
    engine: Annotated[
        str | None, typer.Option("--engine", help="Simplifier, as in `edgeseg engines`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the things and choices that a prompt stands for, and why."""
    from edgeseg.pipeline import EdgeSegAI

    with EdgeSegAI(simplifier=engine) as ai:
        simplification = ai.simplify(prompt)
    if as_json:
        print(simplification.model_dump_json(indent=2))
        return
    print(simplification.simplified_prompt)
    for each in simplification.filters:
        print(f"  {filter_text(each)}")
    if simplification.reason:
        print(f"  {simplification.reason}")
    for warning in simplification.warnings:
        print(f"  warning: {warning}")
