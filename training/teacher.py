"""A teacher detector (NanoDet-Plus, Apache-2.0, run by ncnn) on the very views a student sees."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from training.data import FloatArray, UInt8Array

MEAN = np.array([103.53, 116.28, 123.675], np.float32)
SCALE = np.array([0.017429, 0.017507, 0.017125], np.float32)
STRIDES = (8, 16, 32)
CLASSES, SIDE_BINS, CHANNELS = 80, 8, 96
# Blobs of the teacher's feature pyramid, one per stride.
PYRAMID = ("1367", "1391", "1415")


class Lesson(NamedTuple):
    """What the teacher says of a view, on the student's own grid: L cells of strides 8, 16, 32."""

    scores: FloatArray
    """(L, 80) in [0, 1]"""
    boxes_xyxy: FloatArray
    """(L, 4) in pixels of the view"""
    features: list[FloatArray]
    """(96, S, S) per stride"""


class Teacher:
    """The teacher network on one thread; views are square, their side a multiple of 64."""

    def __init__(self, folder: Path) -> None:
        import ncnn

        self._ncnn = ncnn
        self._net = ncnn.Net()
        self._net.opt.num_threads = 1
        self._net.load_param(str(folder / "nanodet-plus-m_416.param"))
        self._net.load_model(str(folder / "nanodet-plus-m_416.bin"))

    def __call__(self, rgb: UInt8Array) -> Lesson:
        """Look at one (S, S, 3) RGB view."""
        side = rgb.shape[0]
        blob = (rgb[..., ::-1].astype(np.float32) - MEAN) * SCALE
        extractor = self._net.create_extractor()
        tensor = np.ascontiguousarray(blob.transpose(2, 0, 1))
        extractor.input("data", self._ncnn.Mat(tensor).clone())
        features = [np.array(extractor.extract(name)[1]) for name in PYRAMID]
        cells = sum((side // s) ** 2 for s in STRIDES)
        rows = np.array(extractor.extract("output")[1])[:cells]
        return Lesson(rows[:, :CLASSES], _boxes(rows[:, CLASSES:], side), features)


def no_lesson(rgb: UInt8Array) -> Lesson:
    """A teacher that says nothing: every score is 0."""
    sides = [rgb.shape[0] // s for s in STRIDES]
    cells = sum(side**2 for side in sides)
    features = [np.zeros((CHANNELS, side, side), np.float32) for side in sides]
    nothing = np.zeros((cells, CLASSES), np.float32)
    return Lesson(nothing, np.zeros((cells, 4), np.float32), features)


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
