"""Teacher detector (NanoDet-Plus, Apache-2.0, run by ncnn) on the student's own views."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from training.common.data import FloatArray, UInt8Array

MEAN = [103.53, 116.28, 123.675]
SCALE = [0.017429, 0.017507, 0.017125]
STRIDES = (8, 16, 32)
ZOOM = 2
"""The teacher sees a view this many times as large, so that its strides 16, 32 and 64 are the
student's 8, 16 and 32: small inputs are what it was not made for."""
CLASSES, SIDE_BINS, CHANNELS = 80, 8, 96
STAGE_CHANNELS = (116, 232, 464)
# The teacher's blobs: its feature pyramid at strides 16, 32, 64, its backbone at 8, 16, 32.
PYRAMID = ("1391", "1415", "1428")
STAGES = ("994", "1209", "1312")


class DistillationTarget(NamedTuple):
    """The teacher's output for a view, on the student's grid: L cells of strides 8, 16, 32."""

    scores: FloatArray
    """(L, 80) in [0, 1]"""
    boxes_xyxy: FloatArray
    """(L, 4) in pixels of the view"""
    features: list[FloatArray]
    """(96, S, S) of its pyramid per stride"""
    stages: list[FloatArray]
    """(C, S, S) of its backbone per stride"""

    def halved(self) -> DistillationTarget:
        """Return the same in half as many bytes; boxes keep their precision."""
        return DistillationTarget(
            self.scores.astype(np.float16),
            self.boxes_xyxy,
            [each.astype(np.float16) for each in self.features],
            [each.astype(np.float16) for each in self.stages],
        )


class Teacher:
    """The teacher network on one thread; a student's views have sides that are multiples of 32."""

    def __init__(self, folder: Path) -> None:
        import ncnn

        self._ncnn = ncnn
        self._net = ncnn.Net()
        self._net.opt.num_threads = 1
        self._net.opt.use_bf16_storage = True
        self._net.load_param(str(folder / "nanodet-plus-m_416.param"))
        self._net.load_model(str(folder / "nanodet-plus-m_416.bin"))

    def __call__(self, rgb: UInt8Array) -> DistillationTarget:
        """Return the target of S x S pixels from one (ZOOM * S, ZOOM * S, 3) RGB view."""
        side = rgb.shape[0] // ZOOM
        pixels = self._ncnn.Mat.PixelType.PIXEL_RGB2BGR
        blob = self._ncnn.Mat.from_pixels(rgb, pixels, rgb.shape[1], rgb.shape[0])
        blob.substract_mean_normalize(MEAN, SCALE)
        extractor = self._net.create_extractor()
        extractor.input("data", blob)
        stages = [_halve(np.array(extractor.extract(name)[1])) for name in STAGES]
        features = [np.array(extractor.extract(name)[1]) for name in PYRAMID]
        # The rows of its finest level, stride 8 of the zoomed view, have no counterpart here.
        finest = (side * ZOOM // STRIDES[0]) ** 2
        rows = np.array(extractor.extract("output")[1])[finest:]
        return DistillationTarget(
            rows[:, :CLASSES], _boxes(rows[:, CLASSES:], side), features, stages
        )


def _halve(blob: FloatArray) -> FloatArray:
    """(C, 2S, 2S) -> (C, S, S), the mean of each 2 x 2."""
    rows = blob[:, ::2] + blob[:, 1::2]
    halved: FloatArray = (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)
    return halved


def no_target(rgb: UInt8Array) -> DistillationTarget:
    """An empty target: every score is 0."""
    sides = [rgb.shape[0] // ZOOM // s for s in STRIDES]
    cells = sum(side**2 for side in sides)
    features = [np.zeros((CHANNELS, side, side), np.float32) for side in sides]
    stages = [
        np.zeros((c, side, side), np.float32) for c, side in zip(STAGE_CHANNELS, sides, strict=True)
    ]
    nothing = np.zeros((cells, CLASSES), np.float32)
    return DistillationTarget(nothing, np.zeros((cells, 4), np.float32), features, stages)


def _boxes(bins: FloatArray, side: int) -> FloatArray:
    """(L, 4) xyxy pixels: the mean of each side's distribution, in cells, from (L, 32) logits."""
    logits = bins.reshape(-1, 4, SIDE_BINS)
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    distance = (odds * np.arange(SIDE_BINS)).sum(-1) / odds.sum(-1)
    centres, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: side // stride, : side // stride]
        # This teacher's cells are anchored at their upper left corners.
        centres.append(np.stack([x, y], -1).reshape(-1, 2) * stride)
        strides.append(np.full(x.size, stride))
    centre, step = np.concatenate(centres), np.concatenate(strides)[:, None]
    boxes = [centre - distance[:, :2] * step, centre + distance[:, 2:] * step]
    return np.concatenate(boxes, 1).astype(np.float32)
