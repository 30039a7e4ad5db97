"""``edgeseg export-model``: an engine's networks as files for another runtime."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseg.cli.app import app
from edgeseg.cli.outputs import Overwrite

if TYPE_CHECKING:
    from edgeseg.engines.base import EngineOptions

PHOTOS = 64
POINTS = 5

Engine = Annotated[str, typer.Argument(help="Segmenter, as `edgeseg engines` names it.")]
Target = Annotated[str, typer.Option("--to", help="onnx, openvino, coreml or litert.")]
Folder = Annotated[Path, typer.Option("-o", "--out", help="Folder for the files.")]
Checkpoint = Annotated[
    Path | None, typer.Option(help="Weights of your own, in place of the engine's.")
]
Precision = Annotated[str, typer.Option(help="fp32, fp16 or int8.")]
Photos = Annotated[
    Path | None,
    typer.Option(
        help="Folder or tar of photos: int8 is calibrated on the first half, masks before and "
        "after are compared on the second."
    ),
]
Annotations = Annotated[
    Path | None,
    typer.Option(help="COCO annotations of the photos: masks are compared with them too."),
]
Limit = Annotated[int, typer.Option(min=2, help="Photos that are used.")]
Scores = Annotated[str, typer.Option(help="stability or iou; auto: as the engine scores.")]
PaddingPoint = Annotated[
    bool | None,
    typer.Option(help="The decoder adds the padding point; by default not for CoreML."),
]
MaskInput = Annotated[bool, typer.Option(help="The decoder takes an earlier mask's logits.")]
Processing = Annotated[
    bool,
    typer.Option(help="Photos of any size go in, masks of their size come out."),
]
Bilinear = Annotated[
    bool | None,
    typer.Option(help="EdgeSAM enlarges bilinearly; by default for CoreML and LiteRT."),
]
ImageInput = Annotated[
    bool, typer.Option(help="CoreML's encoder takes an image; otherwise a tensor.")
]
Points = Annotated[
    int, typer.Option(help="Points that LiteRT's decoder takes; shorter prompts are filled up.")
]


@app.command("export-model")
def export_model(
    engine: Engine,
    to: Target,
    out: Folder,
    checkpoint: Checkpoint = None,
    precision: Precision = "fp32",
    photos: Photos = None,
    annotations: Annotations = None,
    limit: Limit = PHOTOS,
    scores: Scores = "auto",
    padding_point: PaddingPoint = None,
    mask_input: MaskInput = False,
    processing: Processing = False,
    bilinear: Bilinear = None,
    image_input: ImageInput = True,
    points: Points = POINTS,
    overwrite: Overwrite = False,
) -> None:
    """Write an engine's networks for another runtime, with a card that describes them.

    edgeseg export-model edge-sam --to onnx -o out
    """
    from edgeseg.engines.export import ExportOptions
    from edgeseg.engines.export import export_model as write

    images, samples = _read(photos, annotations, limit)
    options = ExportOptions(
        precision=precision,  # type: ignore[arg-type]
        photos=images,
        stability_score=_stability(scores),
        padding_point=padding_point,
        mask_input=mask_input,
        processing=processing,
        bilinear=bilinear,
        image_input=image_input,
        points=points,
    )
    exported = write(
        engine,
        to,  # type: ignore[arg-type]
        out,
        options,
        engine_options=_engine_options(engine, checkpoint),
        samples=samples,
        overwrite=overwrite,
        progress=lambda what: typer.echo(f"{what} ...", err=True),
    )
    for path in exported.files:
        print(path)
    if exported.accuracy:
        print(json.dumps(exported.accuracy, indent=2))


def _engine_options(engine: str, checkpoint: Path | None) -> EngineOptions:
    from edgeseg.engines.base import EngineOptions
    from edgeseg.errors import InvalidParameterError
    from edgeseg.settings import get_settings

    options = EngineOptions.from_settings(get_settings())
    if checkpoint is None:
        return options
    if not checkpoint.exists():
        raise InvalidParameterError(f"checkpoint: {checkpoint} does not exist.")
    overrides = {**options.store.overrides, engine: str(checkpoint)}
    return replace(options, store=replace(options.store, overrides=overrides))


def _stability(scores: str) -> bool | None:
    from edgeseg.errors import InvalidParameterError

    known = {"auto": None, "stability": True, "iou": False}
    if scores not in known:
        raise InvalidParameterError(f"scores: expected one of {', '.join(known)}, got {scores}.")
    return known[scores]


def _read(photos: Path | None, annotations: Path | None, limit: int) -> tuple[list[Any], list[Any]]:
    """Return photos to calibrate on, and samples to measure on, which are other photos."""
    from edgeseg.errors import InvalidParameterError

    if photos is None:
        if annotations is not None:
            raise InvalidParameterError("annotations: name the photos too, by --photos.")
        return [], []
    samples = list(itertools.islice(_samples(photos, annotations), limit))
    if len(samples) < 2:
        raise InvalidParameterError(f"photos: expected at least two photos in {photos}.")
    half = len(samples) // 2
    return [each.image for each in samples[:half]], samples[half:]


def _samples(photos: Path, annotations: Path | None) -> Iterator[Any]:
    """Yield each photo, with the masks of its objects where there are annotations."""
    import numpy as np

    from edgeseg.engines.export.agreement import Sample

    if annotations is None:
        from edgeseg.cli.inputs import find_images
        from edgeseg.codecs import load_image

        for found in find_images([str(photos)]):
            assert found.path is not None
            yield Sample(load_image(found.path))
        return
    from edgeseg.evaluation import read_truth

    for labelled, image in read_truth(annotations, [photos]):
        masks = [
            mask
            for each in labelled.instances
            if not each.crowd and (mask := each.mask(image.size_hw)) is not None and mask.any()
        ]
        if masks:
            yield Sample(image, np.stack(masks))
