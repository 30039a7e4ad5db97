"""``edgeseg bench memory``: what models take one at a time, and all together."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgeseg.benchmarks import memory
from edgeseg.cli.outputs import Overwrite, check_json, write_json
from edgeseg.cli.table import table

# A stage at a time must not cost more than this beyond its largest stage.
MAX_OVER_FLOOR = 1.1


def memory_command(
    combinations: Annotated[
        list[str] | None,
        typer.Argument(help="original, grounded-sam-2, entities; all if none is named."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Keep random weights in this folder, for another time.")
    ] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure peak memory, resident against one model at a time, in fresh processes."""
    check_json(json_path, overwrite)
    names = combinations or list(memory.COMBINATIONS)
    unknown = [name for name in names if name not in memory.COMBINATIONS]
    if unknown:
        raise typer.BadParameter(f"expected some of {', '.join(memory.COMBINATIONS)}")
    figures, is_over = {}, False
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            engines = memory.COMBINATIONS[name]
            provided = memory.provide(engines.items(), weights or Path(scratch), progress=_tell)
            peaks = memory.measure(engines, provided, progress=_tell)
            is_over |= _report(name, peaks)
            figures[name] = [asdict(peak) for peak in peaks]
    if json_path is not None:
        write_json(json_path, figures)
    if is_over:
        raise typer.Exit(1)


def _tell(what: str) -> None:
    typer.echo(f"{what} ...", err=True)


def _report(name: str, peaks: list[memory.Peak]) -> bool:
    """Print one combination's table; say whether a stage at a time takes too much."""
    rows = [
        (
            peak.what,
            f"{peak.rss_mb:.0f}",
            "" if peak.gpu_mb is None else f"{peak.gpu_mb:.0f}",
            f"{peak.seconds:.1f}",
        )
        for peak in peaks
    ]
    print(f"\n{name}\n" + table([("", "peak RSS MB", "GPU MB", "seconds"), *rows]))
    *alone, sequential, resident = peaks
    floor = max(alone, key=lambda peak: peak.rss_mb)
    over = sequential.rss_mb / floor.rss_mb
    saved = 1 - sequential.rss_mb / resident.rss_mb
    print(f"one at a time: {over:.2f} x the largest stage alone, at most {MAX_OVER_FLOOR} wanted")
    print(f"saved against resident: {saved:.0%} (60 to 70 % is the original's claim)")
    return over > MAX_OVER_FLOOR
