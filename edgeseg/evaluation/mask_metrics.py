"""Metrics of one mask against the ground truth: IoU, boundary IoU and number of clicks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from edgeseg.types import BoolArray

DILATION_RATIO = 0.02
"""Width of a boundary relative to the image's diagonal (Cheng et al., 2021)."""
SIZES_PX = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, math.inf)}
"""COCO's groups by area in pixels of the image, each from its first number to below the second."""


def mask_iou(left: BoolArray, right: BoolArray) -> float:
    """Intersection over union of two (H, W) masks, 0 to 1; NaN when both are empty."""
    union = int(np.count_nonzero(left | right))
    return int(np.count_nonzero(left & right)) / union if union else math.nan


def boundary(mask: BoolArray, size_hw: tuple[int, int] | None = None) -> BoolArray:
    """(H, W) pixels of a mask within d pixels of its edge, d = 2 % of the diagonal, at least 1.

    Distances are chessboard ones and the image's edge is an edge of the mask, as in the reference
    implementation. ``size_hw`` is the image's size where the mask is a window of it, outside of
    which it is empty.
    """
    width_px = max(1, round(DILATION_RATIO * math.hypot(*(size_hw or mask.shape))))
    return mask & ~_eroded(_eroded(mask, width_px).T, width_px).T


def _eroded(mask: BoolArray, steps: int) -> BoolArray:
    """(H, W) pixels of which all within ``steps`` to the left and right are in the mask."""
    padded = np.pad(mask, ((0, 0), (steps + 1, steps))).astype(np.int32)
    sums = np.cumsum(padded, axis=1)
    window = 2 * steps + 1
    eroded: BoolArray = sums[:, window:] - sums[:, :-window] == window
    return eroded


def boundary_iou(left: BoolArray, right: BoolArray) -> float:
    """IoU of the boundaries of two (H, W) masks of an image; NaN when both masks are empty.

    Cheng et al., "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation", 2021.
    """
    window = bounding_window(left | right)
    if window is None:
        return math.nan
    size_hw = left.shape[0], left.shape[1]
    return mask_iou(boundary(left[window], size_hw), boundary(right[window], size_hw))


def bounding_window(mask: BoolArray) -> tuple[slice, slice] | None:
    """Rows and columns that hold an (H, W) mask; None for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def clicks_needed(ious: Sequence[float], target: float, most: int) -> int:
    """Clicks until the IoU reaches ``target``, ``ious[0]`` being that after the first click.

    Where it is never reached ``most`` counts, as usual for the number of clicks (NoC).
    """
    return next((count for count, iou in enumerate(ious, 1) if iou >= target), most)


def size_group(area_px: int) -> str:
    """Name of the group of `SIZES_PX` that an area belongs to."""
    return next(name for name, (least, below) in SIZES_PX.items() if least <= area_px < below)


def mean_iou(ious: Iterable[float]) -> float:
    """Mean over instances without those that are NaN; NaN where none is left."""
    valid = [iou for iou in ious if not math.isnan(iou)]
    return sum(valid) / len(valid) if valid else math.nan
