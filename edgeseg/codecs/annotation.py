"""The segmentations of COCO annotation files as masks, checked before native code reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pycocotools import mask as coco

from edgeseg.codecs.mask import rle_to_mask, runs_to_mask
from edgeseg.errors import InvalidParameterError
from edgeseg.schemas import Rle, parse
from edgeseg.types import BoolArray


def annotation_to_mask(segmentation: Any, size_hw: tuple[int, int]) -> BoolArray:
    """Return (H, W) bool of polygons, run lengths or compressed run lengths.

    Raises InvalidParameterError for anything else, and for a mask that does not fit the size.
    """
    if isinstance(segmentation, list):
        rings = [_ring(values, size_hw) for values in segmentation]
        if not rings:
            return np.zeros(size_hw, bool)
        packed = coco.merge(coco.frPyObjects(rings, *size_hw))
        mask: BoolArray = coco.decode(packed).astype(bool)
        return mask
    if not isinstance(segmentation, Mapping) or segmentation.get("size") != list(size_hw):
        raise InvalidParameterError(
            f"segmentation: expected polygons, or run lengths of size {list(size_hw)}."
        )
    counts = segmentation.get("counts")
    if isinstance(counts, list):
        return runs_to_mask(_numbers(counts, np.int64), size_hw)
    return rle_to_mask(parse(Rle, {"size": segmentation["size"], "counts": counts}))


def _ring(values: Any, size_hw: tuple[int, int]) -> list[float]:
    ring = _numbers(values, np.float64)
    # The reader's memory grows with the length of the outline.
    max_coordinate = 2.0 * max(size_hw)
    if len(ring) < 6 or len(ring) % 2 or not (np.abs(ring) <= max_coordinate).all():
        raise InvalidParameterError(
            "segmentation: expected polygons of at least three points x, y near the image."
        )
    numbers: list[float] = ring.tolist()
    return numbers


def _numbers(values: Any, dtype: type[np.generic]) -> Any:
    try:
        array = np.asarray(values, dtype)
    except (ValueError, TypeError, OverflowError):
        array = None
    if array is None or array.ndim != 1:
        raise InvalidParameterError("segmentation: expected lists of numbers.")
    return array
