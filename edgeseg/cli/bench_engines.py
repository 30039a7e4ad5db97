"""``edgeseg bench engines``: engine timings beside their reference implementations."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgeseg.benchmarks import speed
from edgeseg.cli.outputs import Overwrite, check_json, write_json
from edgeseg.cli.table import table
from edgeseg.codecs import load_image
from edgeseg.engines import registry
from edgeseg.settings import get_settings

DTYPES = ("auto", "float32", "bfloat16", "float16")


def engines_command(
    image: Annotated[Path, typer.Argument(help="Image to run the engines on.")],
    engine: Annotated[
        list[str] | None,
        typer.Option(help="Only these engines, as `edgeseg engines` names them; sam3 only so."),
    ] = None,
    dtype: Annotated[
        list[str] | None, typer.Option(help="Compute dtype: float32, bfloat16, float16.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Calls that are timed of each kind.")] = 5,
    weights: Annotated[
        Path | None, typer.Option(help="Keep random weights in this folder, for another time.")
    ] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Time engines per stage and dtype; missing weights are initialised at random."""
    check_json(json_path, overwrite)
    settings = get_settings()
    photo = load_image(image, settings)
    known = (*speed.ENGINES, *speed.ON_REQUEST)
    chosen = [each for each in known if each[1] in engine] if engine else list(speed.ENGINES)
    if not chosen:
        raise typer.BadParameter(f"expected some of {', '.join(name for _, name in known)}")
    unknown = [each for each in dtype or [] if each not in DTYPES]
    if unknown:
        raise typer.BadParameter(f"expected some of {', '.join(DTYPES)}", param_hint="dtype")
    timings: list[speed.Timing] = []
    with tempfile.TemporaryDirectory() as scratch:
        for role, name in chosen:
            # Grounding DINO keeps to float32.
            has_choice = role == "segment" and bool(registry.find(role, name).sources)
            for each_dtype in dtype or (["float32", "bfloat16"] if has_choice else ["auto"]):
                typer.echo(f"{role} {name}, {each_dtype} ...", err=True)
                timings += speed.measure(
                    role,
                    name,
                    photo,
                    weights or Path(scratch),
                    settings.device,
                    each_dtype,
                    repeats,
                )
    head = ("engine", "on", "dtype", "what", "ms", "reference", "ratio")
    print(table([head, *map(_row, timings)]))
    if json_path is not None:
        rows = [asdict(each) for each in timings]
        write_json(json_path, rows)


def _row(each: speed.Timing) -> tuple[str, ...]:
    reference = "" if each.reference_ms is None else f"{each.reference_ms:.1f}"
    ratio = "" if each.reference_ms is None else f"{each.ms / each.reference_ms:.2f}"
    return each.engine, each.device, each.dtype, each.what, f"{each.ms:.1f}", reference, ratio
