"""``edgeseg masks``: masks of everything in images, without words."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edgeseg.cli.app import app
from edgeseg.cli.outputs import Overwrite
from edgeseg.cli.request_options import default, option
from edgeseg.cli.segment import Device, Images, JsonPath, MaskPath, Out, Resume, Segmenter, Ttl
from edgeseg.schemas import MaskOptions, MasksRequest


def _option(name: str, show_default: str | None = None) -> Any:
    return option(MasksRequest, name, show_default=show_default)


def _default(name: str) -> Any:
    return default(MasksRequest, name)


_OWN = "the engine's own"
PointsPerSide = Annotated[int, _option("points_per_side")]
PredictedIou = Annotated[float | None, _option("predicted_iou_threshold", _OWN)]
Stability = Annotated[float | None, _option("stability_threshold", _OWN)]
StabilityOffset = Annotated[float, _option("stability_offset")]
NmsThreshold = Annotated[float, _option("nms_threshold")]
CropLayers = Annotated[int, _option("crop_layers")]
MinArea = Annotated[int, _option("min_area")]
MaxObjects = Annotated[int | None, _option("max_objects")]


@app.command()
def masks(
    images: Images,
    out: Out = None,
    json_path: JsonPath = None,
    mask_path: MaskPath = None,
    points_per_side: PointsPerSide = _default("points_per_side"),
    predicted_iou_threshold: PredictedIou = None,
    stability_threshold: Stability = None,
    stability_offset: StabilityOffset = _default("stability_offset"),
    nms_threshold: NmsThreshold = _default("nms_threshold"),
    crop_layers: CropLayers = _default("crop_layers"),
    min_area: MinArea = _default("min_area"),
    max_objects: MaxObjects = None,
    segmenter: Segmenter = None,
    device: Device = None,
    ttl: Ttl = 0,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Segment everything, without words: edgeseg masks photo.jpg --json out.json

    The segmenter is clicked on a grid of points, and its best masks are kept. The JSON is that of
    any result: edgeseg export turns it into other tools' formats.
    """
    from edgeseg.cli.inputs import find_images, is_several
    from edgeseg.cli.result_file import json_target
    from edgeseg.cli.segment_outputs import Outputs, request_hash
    from edgeseg.cli.segment_run import of_everything, run
    from edgeseg.pipeline import EdgeSegAI
    from edgeseg.settings import get_settings

    options: MaskOptions = {
        "points_per_side": points_per_side,
        "predicted_iou_threshold": predicted_iou_threshold,
        "stability_threshold": stability_threshold,
        "stability_offset": stability_offset,
        "nms_threshold": nms_threshold,
        "crop_layers": crop_layers,
        "min_area": min_area,
        "max_objects": max_objects,
    }
    inputs = find_images(images)
    request = request_hash("", options, [segmenter or get_settings().engine_for("segment")])
    outputs = Outputs(out, mask_path, json_target(json_path), is_several(images), "", request)
    outputs.check(inputs, overwrite)
    with EdgeSegAI(segmenter=segmenter, ttl=ttl, device=device) as ai:
        failed = run(of_everything(ai, options), inputs, outputs, resume=resume)
    if failed:
        raise typer.Exit(1)
