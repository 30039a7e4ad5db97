"""Which candidates are good: stable, sure of themselves, neither empty nor everything."""

from __future__ import annotations

import numpy as np

from edgeseg.engines.base import MaskQuality
from edgeseg.types import BoolArray, Candidates, FloatArray, IntArray

# A mask of more than this part of what was looked at shows no object.
EVERYTHING = 0.95
# A mask that ends so near to the edge of a crop goes on beyond it, in pixels of the image.
EDGE_PX = 20.0


def stability(logits: FloatArray, offset: float) -> FloatArray:
    """(...) IoUs of masks cut at logit ``offset`` and at ``-offset``, of (..., h, w) logits.

    A mask whose rim is sharp hardly changes with where it is cut; of an empty one it is 0.
    """
    inner = (logits > offset).sum((-2, -1))
    outer = (logits > -offset).sum((-2, -1))
    return np.asarray(inner / np.maximum(outer, 1), np.float32)


def cell_boxes(inside: BoolArray, windows_xyxy: FloatArray) -> FloatArray:
    """(N, 4) boxes in pixels of (N, h, w) masks over (N, 4) windows; of an empty one all 0."""
    rows, columns = np.asarray(inside.any(2)), np.asarray(inside.any(1))
    found = np.zeros((len(inside), 4), np.float32)
    for axis, filled in ((0, columns), (1, rows)):
        length = filled.shape[1]
        start, span = windows_xyxy[:, axis], windows_xyxy[:, axis + 2] - windows_xyxy[:, axis]
        first, last = filled.argmax(1), length - filled[:, ::-1].argmax(1)
        found[:, axis] = start + first * span / length
        found[:, axis + 2] = start + last * span / length
    found[~rows.any(1)] = 0
    return found


def good_ones(
    candidates: Candidates, size_hw: tuple[int, int], least: MaskQuality, stability_offset: float
) -> tuple[IntArray, IntArray]:
    """Return the rows and columns of the candidates that are worth keeping.

    Of an empty mask, and of one of nearly all of the image of ``size_hw``, none is.
    """
    logits = candidates.logits
    kept = candidates.scores >= least.predicted_iou
    kept &= stability(logits, stability_offset) >= least.stability
    cells = (logits > 0).sum((2, 3))
    span = candidates.windows_xyxy[:, 2:] - candidates.windows_xyxy[:, :2]
    cell_px = span.prod(1) / max(logits.shape[2] * logits.shape[3], 1)
    area_px = cells * cell_px[:, None]
    kept &= (cells > 0) & (area_px <= EVERYTHING * size_hw[0] * size_hw[1])
    rows, columns = np.nonzero(kept)
    return rows, columns


def cut_off(boxes_xyxy: FloatArray, crop_xyxy: FloatArray, size_hw: tuple[int, int]) -> BoolArray:
    """(N,) whether a box ends at an edge of the crop that is no edge of the image.

    All are in pixels of the image; the crop is (4,).
    """
    image_xyxy = np.array([0, 0, size_hw[1], size_hw[0]], np.float32)
    near = np.abs(boxes_xyxy - crop_xyxy) <= EDGE_PX
    inner = np.abs(crop_xyxy - image_xyxy) > EDGE_PX
    cut: BoolArray = (near & inner).any(1)
    return cut
