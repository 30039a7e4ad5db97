"""COCO instances: one JSON file, with polygons or with exact run lengths."""

from __future__ import annotations

from typing import Any

from edgeseg.codecs import rle_area, rle_box, rle_to_mask
from edgeseg.codecs.outline import mask_to_polygons
from edgeseg.codecs.polygon import join_holes
from edgeseg.exporters.base import Dataset, Files, Format, pairs, to_json
from edgeseg.schemas import SegmentedObject


def _polygons(each: SegmentedObject) -> Any:
    rings = [pairs(join_holes(polygon)) for polygon in mask_to_polygons(rle_to_mask(each.mask))]
    return [[value for pair in ring for value in pair] for ring in rings]


def _run_lengths(each: SegmentedObject) -> Any:
    return {"size": list(each.mask.size), "counts": each.mask.counts}


def _write(dataset: Dataset, exact: bool) -> Files:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, item in enumerate(dataset.items, 1):
        height, width = item.size_hw
        images.append({"id": number, "file_name": item.file_name, "width": width, "height": height})
        for each in item.objects:
            x0, y0, x1, y1 = rle_box(each.mask) or each.box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": dataset.numbers[each.label] + 1,
                    "segmentation": _run_lengths(each) if exact else _polygons(each),
                    "area": rle_area(each.mask),
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "iscrowd": 0,
                    "score": each.score,
                }
            )
    categories = [
        {"id": number, "name": label, "supercategory": ""}
        for number, label in enumerate(dataset.labels, 1)
    ]
    whole = {
        "info": {"description": "Segmented with EdgeSeg"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    return {"annotations.json": to_json(whole)}


COCO = Format(
    "coco",
    "COCO instances",
    "One JSON file with polygons; holes are joined by cuts.",
    lambda dataset: _write(dataset, exact=False),
)
COCO_RLE = Format(
    "coco-rle",
    "COCO instances, run lengths",
    "One JSON file with the masks themselves, exact.",
    lambda dataset: _write(dataset, exact=True),
    has_outlines=False,
)
