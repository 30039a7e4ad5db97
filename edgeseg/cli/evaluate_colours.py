"""``edgeseg evaluate colours``: how right prompts such as "the blue cup" are answered."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated, cast

import typer
from tqdm import tqdm

from edgeseg.cli.outputs import Overwrite, check_json, write_json
from edgeseg.engines.base import Segmenter
from edgeseg.errors import InvalidParameterError


def colours_command(
    annotations: Annotated[
        Path | None,
        typer.Option(help="COCO instance annotations of photos to recolour; without: scenes only."),
    ] = None,
    images: Annotated[
        list[Path] | None, typer.Option(help="Folder or tar of the photos; repeatable.")
    ] = None,
    segmenter: Annotated[
        str | None, typer.Option(help="Segmentation engine; without it the known masks serve.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Prompts, half of them on photos.")] = 300,
    seed: Annotated[int, typer.Option(help="Seed of scenes and colours.")] = 0,
    show: Annotated[bool, typer.Option("--show", help="Print the wrong prompts.")] = False,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure colour prompts on rendered scenes and recoloured photos, with the true boxes."""
    from edgeseg.cli.table import table
    from edgeseg.engines.nano.simplifier import NanoSimplifier
    from edgeseg.evaluation.colour_prompts import (
        counts_by_colour,
        evaluate_colours,
        photo_prompts,
        scene_prompts,
    )
    from edgeseg.evaluation.data import read_truth

    check_json(json_path, overwrite)
    if annotations is not None and not images:
        raise InvalidParameterError("--annotations: name the photos by --images.")
    photos = () if annotations is None else read_truth(annotations, images or [])
    on_photos = 0 if annotations is None else count // 2
    prompts = chain(scene_prompts(count - on_photos, seed), photo_prompts(photos, on_photos, seed))
    engine = None if segmenter is None else _engine(segmenter)
    with tqdm(total=count, unit="prompt", disable=None) as bar:
        answers = evaluate_colours(prompts, NanoSimplifier(), engine, bar.update)
    wrong = [each for each in answers if not each.right]
    for each in wrong if show else ():
        typer.echo(f"{each.asked.kind}: {each.asked.prompt}: {each.found} found")
    counts = counts_by_colour(answers)
    rows = [[name, f"{right}/{total}"] for name, (right, total) in counts.items()]
    typer.echo(table([["colour", "right"], *rows]))
    if json_path is not None:
        figures = {name: {"right": right, "all": total} for name, (right, total) in counts.items()}
        write_json(json_path, {"colours": figures, "wrong": [e.asked.prompt for e in wrong]})


def _engine(name: str) -> Segmenter:
    from edgeseg.engines import registry
    from edgeseg.engines.base import EngineOptions
    from edgeseg.settings import get_settings

    options = EngineOptions.from_settings(get_settings())
    return cast(Segmenter, registry.load("segment", name, options))
