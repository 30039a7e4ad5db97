"""``edgeseg evaluate referring``: how right prompts such as "the cup on the table" are answered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast

import typer
from tqdm import tqdm

from edgeseg.cli.outputs import Overwrite, check_json, write_json
from edgeseg.engines.base import Detector
from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation.data import LabelledImage, Truth
from edgeseg.types import Image


def referring_command(
    annotations: Annotated[
        Path,
        typer.Option(help="COCO instance annotations, .json or .json.gz, with the images' sizes."),
    ],
    images: Annotated[
        list[Path] | None,
        typer.Option(help="Folder or tar of the photos, for --detector; repeatable."),
    ] = None,
    detector: Annotated[
        str | None, typer.Option(help="Detection engine; without it the annotated boxes serve.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Prompts at most.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of the choice of prompts.")] = 0,
    show: Annotated[
        bool, typer.Option("--show", help="Print the prompts that went wrong.")
    ] = False,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure prompts whose answers annotations tell: leftmost, largest, next to, on, without."""
    from edgeseg.cli.table import table
    from edgeseg.engines.nano.simplifier import NanoSimplifier
    from edgeseg.evaluation.data import read_truth
    from edgeseg.evaluation.referring import counts_by_kind, evaluate_referring, referring_prompts

    check_json(json_path, overwrite)
    if detector is not None and not images:
        raise InvalidParameterError("--detector: name the photos by --images.")
    truth = read_truth(annotations, images or [])
    engine, photos = (None, None) if detector is None else (_engine(detector), _photos(truth))
    prompts = referring_prompts(truth.images, count, seed)
    with tqdm(total=len(prompts), unit="prompt", disable=None) as bar:
        answers = evaluate_referring(prompts, NanoSimplifier(), engine, photos, bar.update)
    wrong = [each for each in answers if not each.right]
    for each in wrong if show else ():
        wanted = len(each.asked.rows)
        typer.echo(f"{each.asked.image.file_name}: {each.asked.prompt}: {each.found} of {wanted}")
    counts = counts_by_kind(answers)
    rows = [[kind, f"{right}/{total}"] for kind, (right, total) in counts.items()]
    typer.echo(table([["kind", "right"], *rows]))
    if json_path is not None:
        kinds = {kind: {"right": right, "all": total} for kind, (right, total) in counts.items()}
        missed = [{"image": e.asked.image.file_name, "prompt": e.asked.prompt} for e in wrong]
        write_json(json_path, {"kinds": kinds, "wrong": missed})


def _engine(name: str) -> Detector:
    from edgeseg.engines import registry
    from edgeseg.engines.base import EngineOptions
    from edgeseg.settings import get_settings

    options = EngineOptions.from_settings(get_settings())
    return cast(Detector, registry.load("detect", name, options))


def _photos(truth: Truth) -> Callable[[LabelledImage], Image]:
    """Return what gives an annotated image's photo; all of them are held decoded."""
    decoded = {labelled.file_name: image for labelled, image in truth}

    def photo(image: LabelledImage) -> Image:
        if image.file_name not in decoded:
            raise InvalidParameterError(f"{image.file_name}: not found among --images.")
        return decoded[image.file_name]

    return photo
