"""Prompts as channels of a crop, as the nano segmenter's decoder was trained on them."""

from __future__ import annotations

import numpy as np
from PIL import Image as PillowImage

from edgeseg.types import BoolArray, FloatArray, MaskPrompt

MARGIN = 1.3
"""Sides of the crop relative to the prompt's box."""
CELLS = 64
"""Cells along a side of the prompt channels."""
BLOB = 2.0
"""A click is a blob of this many cells (one standard deviation)."""
SMALLEST_PX = 4.0
PREVIOUS = 4
"""The channel that holds the mask prompt."""

_TICKS = ((np.arange(CELLS) + 0.5) / CELLS).astype(np.float32)


def mask_box(mask: BoolArray) -> FloatArray | None:
    """(4,) tight xyxy box of an (H, W) mask, or None when it is empty."""
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(xs):
        return None
    return np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1], np.float32)


def crop_around(box: FloatArray, points: FloatArray) -> FloatArray:
    """(4,) xyxy crop: the box with its margin, stretched to hold every (P, 2) inside point."""
    centre, size = (box[:2] + box[2:]) / 2, np.maximum(box[2:] - box[:2], SMALLEST_PX)
    low, high = centre - size * MARGIN / 2, centre + size * MARGIN / 2
    if len(points):
        slack = size * (MARGIN - 1) / 2
        low = np.minimum(low, points.min(axis=0) - slack)
        high = np.maximum(high, points.max(axis=0) + slack)
    return np.concatenate([low, high]).astype(np.float32)


def box_channel(crop: FloatArray, box: FloatArray) -> FloatArray:
    """(64, 64) share of each cell inside the box, both xyxy in the same pixels."""
    size = crop[2:] - crop[:2]
    low, high = (box[:2] - crop[:2]) / size, (box[2:] - crop[:2]) / size
    left = np.clip((_TICKS - low[:, None]) * CELLS + 0.5, 0, 1)
    right = np.clip((high[:, None] - _TICKS) * CELLS + 0.5, 0, 1)
    inside: FloatArray = left * right
    return np.outer(inside[1], inside[0]).astype(np.float32)


def point_channel(crop: FloatArray, points: FloatArray) -> FloatArray:
    """(64, 64) blobs, at most 1, at (P, 2) points."""
    if not len(points):
        return np.zeros((CELLS, CELLS), np.float32)
    place = (points - crop[:2]) / (crop[2:] - crop[:2])
    distance = (_TICKS[None, None] - place[:, :, None]) * CELLS
    square = distance[:, 1, :, None] ** 2 + distance[:, 0, None, :] ** 2
    blobs: FloatArray = np.exp(-square / (2 * BLOB**2)).max(axis=0)
    return blobs.astype(np.float32)


def previous_channel(crop: FloatArray, mask: BoolArray | None) -> FloatArray:
    """(64, 64) of an (H, W) mask prompt within the crop: 1 inside, -1 outside, 0 without one."""
    if mask is None:
        return np.zeros((CELLS, CELLS), np.float32)
    x0, y0, x1, y1 = np.array([*np.floor(crop[:2]), *np.ceil(crop[2:])], int)
    window = np.zeros((y1 - y0, x1 - x0), np.uint8)
    inner = mask[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    top, left = max(-y0, 0), max(-x0, 0)
    window[top : top + inner.shape[0], left : left + inner.shape[1]] = inner * np.uint8(255)
    small = PillowImage.fromarray(window).resize((CELLS, CELLS), PillowImage.Resampling.BOX)
    return np.asarray(small, np.float32) / 127.5 - 1


def mask_channel(logits: FloatArray) -> FloatArray:
    """(N, 64, 64) of the decoder's own (N, 128, 128) logits, as a mask prompt in [-1, 1]."""
    n = len(logits)
    inside = np.tanh(logits / 2).reshape(n, CELLS, 2, CELLS, 2).mean((2, 4))
    return np.asarray(inside, np.float32)


def channels(crop: FloatArray, box: FloatArray, has_box: bool, prompt: MaskPrompt) -> FloatArray:
    """(5, 64, 64): box, box if prompted, positive points, negative points, mask prompt."""
    inside = box_channel(crop, box)
    return np.stack(
        [
            inside,
            inside * np.float32(has_box),
            point_channel(crop, prompt.points_xy[prompt.point_labels == 1]),
            point_channel(crop, prompt.points_xy[prompt.point_labels == 0]),
            previous_channel(crop, prompt.previous),
        ]
    )
