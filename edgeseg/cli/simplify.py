"""``edgeseg simplify``: what a prompt stands for, before anything is segmented."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeseg.cli.app import app


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
        made = ai.simplify(prompt)
    if as_json:
        print(made.model_dump_json(indent=2))
        return
    print(made.simplified_prompt)
    for each in made.filters:
        details = each.model_dump(exclude_defaults=True, exclude={"kind"})
        facts = ", ".join(f"{name}: {value}" for name, value in details.items())
        print(f"  {each.kind}" + (f" ({facts})" if facts else ""))
    if made.reason:
        print(f"  {made.reason}")
    for warning in made.warnings:
        print(f"  warning: {warning}")
