"""LabelMe exports: the keys that LabelMe demands, and masks as it fills its polygons."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw

from edgeseg.exporters import ImageResult, export_files
from edgeseg.types import BoolArray
from tests.unit.exporters.results import iou

KEYS = {"version", "imageData", "imagePath", "shapes", "flags", "imageHeight", "imageWidth"}
SHAPE_KEYS = {"label", "points", "group_id", "shape_type", "flags", "description", "mask"}


def filled(document: dict[str, Any], shape: dict[str, Any]) -> BoolArray:
    """Fill a shape as LabelMe does: Pillow's polygon, its outline included."""
    pil_image = PIL.Image.new("L", (document["imageWidth"], document["imageHeight"]), 0)
    points = [tuple(point) for point in shape["points"]]
    PIL.ImageDraw.Draw(pil_image).polygon(xy=points, outline=1, fill=1)
    return np.array(pil_image, dtype=bool)


def test_shapes_fill_the_masks(
    image_result: ImageResult, expected: dict[int, tuple[str, BoolArray]]
) -> None:
    files = export_files([image_result], "labelme")
    document = json.loads(files["photo.json"])
    assert set(document) == KEYS
    assert document["imagePath"] == "photo.jpg"
    found: dict[tuple[str, Any], BoolArray] = {}
    for shape in document["shapes"]:
        assert set(shape) == SHAPE_KEYS | {"score"}
        assert shape["shape_type"] == "polygon"
        key = (shape["label"], shape["score"])
        drawn = filled(document, shape)
        found[key] = found[key] | drawn if key in found else drawn
    assert [label for label, _ in found] == [label for label, _ in expected.values()]
    for ours, (label, theirs) in zip(found.values(), expected.values(), strict=True):
        assert iou(ours, theirs) >= 0.98, label


def test_parts_of_an_object_share_a_group(image_result: ImageResult) -> None:
    shapes = json.loads(export_files([image_result], "labelme")["photo.json"])["shapes"]
    groups = [(shape["label"], shape["group_id"]) for shape in shapes]
    assert groups[:4] == [("ring", None), ("cup", 1), ("cup", 1), ("cup", None)]


def test_each_image_has_its_file(image_result: ImageResult, empty: ImageResult) -> None:
    files = export_files([image_result, empty], "labelme")
    assert list(files) == ["photo.json", "empty.json"]
    document = json.loads(files["empty.json"])
    assert (document["shapes"], document["imageWidth"]) == ([], 30)
