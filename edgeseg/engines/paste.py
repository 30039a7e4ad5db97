"""Masks in pixels of an image, of logits over a window of it."""

from __future__ import annotations

import numpy as np
from PIL import Image as PillowImage

from edgeseg.types import BoolArray, FloatArray


def paste(mask: BoolArray, window_xyxy: FloatArray, logits: FloatArray) -> None:
    """Set the pixels of (H, W) ``mask`` whose interpolated logit is positive.

    ``logits`` (h, w) float32 cover ``window_xyxy`` (4,), in pixels of the mask, which may reach
    beyond it.
    """
    height, width = mask.shape
    x0, y0 = np.maximum(np.floor(window_xyxy[:2]), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(window_xyxy[2:]), [width, height]).astype(int)
    if x1 <= x0 or y1 <= y0:
        return
    cells = np.array(logits.shape[::-1]) / (window_xyxy[2:] - window_xyxy[:2])
    corners = (np.array([[x0, y0], [x1, y1]]) - window_xyxy[:2]) * cells
    # Pillow's transform reads positions of output pixel centres, edges repeated.
    window = PillowImage.fromarray(np.pad(logits, 1, mode="edge")).transform(
        (int(x1 - x0), int(y1 - y0)),
        PillowImage.Transform.EXTENT,
        tuple((corners + 1).ravel()),
        PillowImage.Resampling.BILINEAR,
    )
    mask[y0:y1, x0:x1] = np.asarray(window) > 0
