"""LabelMe: a JSON file beside each image."""

from __future__ import annotations

from typing import Any

from edgeseg.codecs.outline import mask_to_polygons
from edgeseg.codecs.polygon import join_holes
from edgeseg.exporters.base import Dataset, Files, Format, Item, pairs, to_json
from edgeseg.schemas import SegmentedObject
from edgeseg.types import BoolArray


def _shapes(each: SegmentedObject, mask: BoolArray) -> list[dict[str, Any]]:
    polygons = mask_to_polygons(mask, reading="pixels")
    return [
        {
            "label": each.label,
            "points": pairs(join_holes(polygon)),
            # Shapes of one group are one object.
            "group_id": each.id if len(polygons) > 1 else None,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
            "score": each.score,
        }
        for polygon in polygons
    ]


def _document(item: Item) -> dict[str, Any]:
    shapes = [shape for each, mask in item.masks() for shape in _shapes(each, mask)]
    height, width = item.size_hw
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        # Relative to the file itself, which lies beside the image.
        "imagePath": item.base_name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _write(dataset: Dataset) -> Files:
    return {f"{item.stem}.json": to_json(_document(item)) for item in dataset.items}


LABELME = Format(
    "labelme",
    "LabelMe",
    "A JSON file per image, to lie beside it; parts of an object share a group.",
    _write,
    has_file_per_image=True,
    image_folder="",
)
