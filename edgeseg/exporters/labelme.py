"""LabelMe: a JSON file beside each picture."""

from __future__ import annotations

from typing import Any

from edgeseg.codecs.outline import mask_to_polygons
from edgeseg.codecs.polygon import join_holes
from edgeseg.exporters.base import Dataset, Files, Format, Item, numbers, to_json


def _document(item: Item) -> dict[str, Any]:
    shapes: list[dict[str, Any]] = []
    for each, mask in item.masks():
        polygons = mask_to_polygons(mask, reading="pixels")
        for polygon in polygons:
            flat = numbers(join_holes(polygon))
            shapes.append(
                {
                    "label": each.label,
                    "points": [list(point) for point in zip(flat[0::2], flat[1::2], strict=True)],
                    # Shapes of one group are one object.
                    "group_id": each.id if len(polygons) > 1 else None,
                    "description": "",
                    "shape_type": "polygon",
                    "flags": {},
                    "mask": None,
                    "score": each.score,
                }
            )
    height, width = item.size_hw
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": item.file_name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _write(dataset: Dataset) -> Files:
    return {f"{item.stem}.json": to_json(_document(item)) for item in dataset.items}


LABELME = Format(
    "labelme",
    "LabelMe",
    "A JSON file per picture, to lie beside it; parts of an object share a group.",
    _write,
)
