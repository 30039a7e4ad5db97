"""``edgeseg evaluate prompts``: how right a simplifier reads prompts with known answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeseg.cli.outputs import Overwrite, check_json, write_json
from edgeseg.cli.table import table


def prompts_command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="JSON rows of kind, prompt, accept, filter, reject; see the docs."
        ),
    ],
    simplifier: Annotated[
        str | None, typer.Option(help="Simplifier, as in `edgeseg engines`.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the wrong rows and what was read.")
    ] = False,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure how right a simplifier reads prompts, by kind."""
    from edgeseg.evaluation.prompts import counts_by_kind, evaluate_prompts, read_prompts
    from edgeseg.pipeline import EdgeSegAI

    check_json(json_path, overwrite)
    rows = read_prompts(file)
    # One reader for all rows.
    with EdgeSegAI(simplifier=simplifier, ttl=-1) as ai:
        answers = evaluate_prompts(rows, ai.simplify)
    wrong = [answer for answer in answers if not answer.right]
    for answer in wrong if show else ():
        read = f"{answer.phrases} [{answer.filters}]" if answer.filters else answer.phrases
        typer.echo(f"{answer.row.kind}: {answer.row.prompt!r} -> {read}")
    counts = counts_by_kind(answers)
    lines = [
        [kind, f"{right}/{total}", f"{right / total:.1%}"]
        for kind, (right, total) in counts.items()
    ]
    typer.echo(table([["kind", "right", "share"], *lines]))
    if json_path is not None:
        kinds = {kind: {"right": right, "all": total} for kind, (right, total) in counts.items()}
        missed = [
            {"kind": a.row.kind, "prompt": a.row.prompt, "phrases": a.phrases, "filters": a.filters}
            for a in wrong
        ]
        write_json(json_path, {"kinds": kinds, "wrong": missed})
