"""``edgeseg simplify``: what a prompt stands for, before anything is segmented."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeseg.cli.app import app
from edgeseg.schemas import Filter


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
        print(f"  {_in_words(each)}")
    if simplification.reason:
        print(f"  {simplification.reason}")
    for warning in simplification.warnings:
        print(f"  warning: {warning}")


def _in_words(chosen: Filter) -> str:
    """Return a filter as text: "leftmost of dog, rank 2", "exclude of people (leftmost)"."""
    parts = [chosen.kind if chosen.side is None else f"{chosen.kind} {chosen.side}"]
    if chosen.phrase is not None:
        parts.append(f"of {chosen.phrase}")
    if chosen.filters:
        parts.append(f"({'; '.join(map(_in_words, chosen.filters))})")
    text = " ".join(parts)
    text += f", rank {chosen.rank}" if chosen.rank > 1 else ""
    return text + (f", {chosen.count} of them" if chosen.count > 1 else "")
