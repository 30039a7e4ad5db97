"""Mask AP with the boxes of a detector, by pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edgeseg.codecs import mask_to_rle, rle_area
from edgeseg.engines.base import Segmenter
from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation.data import Instance, LabelledImage
from edgeseg.evaluation.masks.dataset import usable_mask
from edgeseg.types import BoolArray, Embedding, MaskPrompt

Row = dict[str, Any]
DetectedBoxes = Mapping[int, list[Row]]
"""Rows of COCO's results format by image id."""
MAX_BOXES = 100
"""Boxes of an image that count, those of highest score, as in COCO's AP."""
_CHUNK = 32
_FIGURES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")


def read_boxes(path: Path) -> DetectedBoxes:
    """Read the boxes of a detector in COCO's results format.

    Raises InvalidParameterError for a file of another form.
    """
    try:
        by_image: dict[int, list[Row]] = {}
        for row in json.loads(path.read_bytes()):
            box = [float(value) for value in row["bbox"]]
            score = float(row["score"])
            if len(box) != 4 or not np.isfinite([*box, score]).all():
                raise ValueError(f"expected x, y, width, height and a score, got {box}, {score}")
            by_image.setdefault(int(row["image_id"]), []).append(
                {
                    "image_id": int(row["image_id"]),
                    "category_id": int(row["category_id"]),
                    "bbox": box,
                    "score": score,
                }
            )
    except (ValueError, LookupError, TypeError) as error:
        raise InvalidParameterError(
            f"{path}: expected a list of image_id, category_id, bbox and score: {error}."
        ) from error
    return {
        number: sorted(rows, key=lambda row: -row["score"])[:MAX_BOXES]
        for number, rows in by_image.items()
    }


def segment_boxes(segmenter: Segmenter, embedding: Embedding, boxes: Sequence[Row]) -> list[Row]:
    """Return a detector's rows of one image with the mask of each box, as COCO run lengths.

    Its score stays the detector's, as in published figures.
    """
    rows: list[Row] = []
    for start in range(0, len(boxes), _CHUNK):
        part = boxes[start : start + _CHUNK]
        prompts = []
        for row in part:
            x, y, width, height = row["bbox"]
            prompts.append(MaskPrompt(box_xyxy=(x, y, x + width, y + height)))
        masks = segmenter.segment(embedding, prompts).masks
        rows += [{**row, "segmentation": _rle(mask)} for row, mask in zip(part, masks, strict=True)]
    return rows


def mask_ap(
    labelled: Sequence[LabelledImage], found: Sequence[Row], categories: Mapping[int, str]
) -> dict[str, float]:
    """AP over IoU 0.50 to 0.95, AP at 0.50 and 0.75, and AP by size, of masks against the truth.

    Classes that an image does not label completely are left out of it. An object without a mask is
    an area that counts neither way. NaN where there is no object of a size.
    """
    complete = {each.id: set(each.complete) for each in labelled}
    sizes = {row["image_id"]: row["segmentation"]["size"] for row in found}
    sizes |= {each.id: each.size_hw for each in labelled if each.size_hw}
    kept = [
        row
        for row in found
        if categories.get(row["category_id"]) in complete.get(row["image_id"], ())
    ]
    truth = [
        _truth(each, image, tuple(sizes[image.id]))
        for image in labelled
        if image.id in sizes
        for each in image.instances
        if each.category in image.complete
    ]
    if not kept or not truth:
        return dict.fromkeys(_FIGURES, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = {
            "info": {},
            "images": [
                {"id": number, "height": size[0], "width": size[1]}
                for number, size in sizes.items()
            ],
            "annotations": [{**row, "id": number} for number, row in enumerate(truth, 1)],
            "categories": [{"id": number, "name": name} for number, name in categories.items()],
        }
        reference.createIndex()
        run = COCOeval(reference, reference.loadRes([dict(row) for row in kept]), "segm")
        run.evaluate()
        run.accumulate()
        run.summarize()
    stats = np.where(run.stats[:6] < 0, np.nan, run.stats[:6])
    return {name: float(value) for name, value in zip(_FIGURES, stats, strict=True)}


def _truth(each: Instance, image: LabelledImage, size_hw: tuple[int, int]) -> Row:
    mask = usable_mask(each, size_hw)
    is_ignored = each.crowd or mask is None
    known = _box_mask(each, size_hw) if mask is None else mask
    x0, y0, x1, y1 = each.box_xyxy
    rle = mask_to_rle(known)
    return {
        "image_id": image.id,
        "category_id": each.category_id,
        "segmentation": {"size": list(rle.size), "counts": rle.counts},
        "area": each.area_px if each.area_px is not None else rle_area(rle),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "iscrowd": int(is_ignored),
    }


def _box_mask(each: Instance, size_hw: tuple[int, int]) -> BoolArray:
    mask = np.zeros(size_hw, bool)
    x0, y0, x1, y1 = (max(0, round(value)) for value in each.box_xyxy)
    mask[y0:y1, x0:x1] = True
    return mask


def _rle(mask: BoolArray) -> Row:
    rle = mask_to_rle(mask)
    return {"size": list(rle.size), "counts": rle.counts}
