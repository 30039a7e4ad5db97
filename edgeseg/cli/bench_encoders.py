"""``edgeseg bench encoders``: how much faster small encoders are than SAM's own."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgeseg.benchmarks import encoders
from edgeseg.cli.outputs import Overwrite, check_json, write_json
from edgeseg.cli.table import table
from edgeseg.settings import get_settings


def encoders_command(
    engine: Annotated[
        list[str] | None, typer.Option(help="Only these segmenters; repeatable.")
    ] = None,
    runtime: Annotated[
        list[str] | None, typer.Option(help="torch, openvino, onnxruntime; repeatable.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Times each encoder is timed.")] = 5,
    weights: Annotated[
        Path | None, typer.Option(help="Keep random weights in this folder, for another time.")
    ] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Time image encoders on the CPU in float32, interleaved, and compare them with the slowest.

    SAM ViT-H is timed in torch alone unless it is named by --engine.
    """
    check_json(json_path, overwrite)
    names, runtimes = engine or list(encoders.ENGINES), runtime or list(encoders.RUNTIMES)
    unknown = [each for each in runtimes if each not in encoders.RUNTIMES]
    if unknown:
        raise typer.BadParameter(f"expected some of {', '.join(encoders.RUNTIMES)}")
    pairs = [
        (name, each)
        for name in names
        for each in encoders.RUNTIMES
        if each in runtimes
        and (each == "torch" or engine is not None or name != encoders.PAPER_ENGINE)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = weights or Path(scratch)
        times = encoders.measure(
            pairs, folder, rounds, get_settings().threads, lambda what: typer.echo(what, err=True)
        )
    slowest = max(each.cpu_ms for each in times)
    rows = [
        (
            each.engine,
            each.runtime,
            f"{each.ms:.0f}",
            f"{each.cpu_ms:.0f}",
            f"{slowest / each.cpu_ms:.1f}",
        )
        for each in times
    ]
    head = ("engine", "runtime", "ms", "CPU ms", "slowest over this, CPU")
    print(table([head, *rows]))
    if json_path is not None:
        write_json(json_path, [asdict(each) for each in times])
