"""The nano detector: boxes whose embedding is scored against the vectors of any phrases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeseg.boxes import iou
from edgeseg.engines.nano.frame import Frame, sigmoid
from edgeseg.engines.nano.network import Network
from edgeseg.engines.nano.words import WordVectors
from edgeseg.types import Detections, FloatArray, Image

# Every photo is seen from near, from further away and from afar, and suppression decides: a thing
# is told best when it is about as large as those in training.
LOOKS_AREA_PX = (320 * 256, 208 * 160, 128 * 96)
STRIDES = (8, 16, 32)
SAME_OBJECT_IOU = 0.6
SAME_PLACE_IOU = 0.75
"""Boxes that agree so far with the one that stays move it to their mean."""
# Boxes per phrase that go into suppression; a photo with more of one thing is a crowd.
CANDIDATES = 400


class NanoDetector:
    """Runs on the processor in float32; see the model card for data, figures and limits."""

    name = "nano"
    device = "cpu"
    dtype = "float32"

    def __init__(self, threads: int | None = None) -> None:
        self._network: Network | None = Network("detector", threads)
        self._words = WordVectors.shipped()
        self._bias = float(self._network.metadata["bias"])

    def detect(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> Detections:
        """Boxes in pixels of the image, best first, each labelled with one of ``phrases``.

        A box is kept when its score reaches both thresholds. A phrase of which no word is known
        finds nothing.
        """
        if self._network is None:
            raise RuntimeError("NanoDetector: used after close()")
        text = self._words.vectors(list(phrases))
        known = text.any(axis=1)
        if not known.any():
            return Detections.empty()
        boxes, embeddings = look_often(self._network, image)
        scores = sigmoid(embeddings @ text.T + self._bias)
        scores[:, ~known] = 0
        threshold = max(box_threshold, text_threshold, 1e-3)
        parts = [select(boxes, each, threshold) for each in scores.T]
        kept, sure = (np.concatenate(each) for each in zip(*parts, strict=True))
        labels = [phrase for phrase, part in zip(phrases, parts, strict=True) for _ in part[1]]
        order = np.argsort(-sure, kind="stable")
        return Detections(kept[order], sure[order], tuple(labels[i] for i in order))

    def close(self) -> None:
        """Free the network."""
        self._network = None


def look_often(network: Network, image: Image) -> tuple[FloatArray, FloatArray]:
    """(L, 4) boxes in pixels of the image and (L, D) embeddings of the cells of all looks."""
    looks = [look(network, image, Frame.of(image.size_hw, area)) for area in LOOKS_AREA_PX]
    boxes, embeddings = zip(*looks, strict=True)
    return np.concatenate(boxes), np.concatenate(embeddings)


def look(network: Network, image: Image, frame: Frame) -> tuple[FloatArray, FloatArray]:
    """(L, 4) boxes in pixels of the image and (L, D) embeddings of all cells of one look."""
    sides, embeddings = network.run(image=frame.render(image.rgb))
    centres, strides = cell_grid(frame.input_hw)
    distances = sides[0] * strides[:, None]
    boxes = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
    height, width = image.size_hw
    boxes /= np.tile(frame.scale_xy, 2)
    return boxes.clip(0, [width, height, width, height]).astype(np.float32), embeddings[0]


def cell_grid(input_hw: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """(L, 2) centres in input pixels and (L,) strides of all cells, finest level first."""
    centres, strides = [], []
    for stride in STRIDES:
        rows, columns = input_hw[0] // stride, input_hw[1] // stride
        y, x = np.mgrid[:rows, :columns]
        centres.append((np.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        strides.append(np.full(rows * columns, stride))
    return (
        np.concatenate(centres).astype(np.float32),
        np.concatenate(strides).astype(np.float32),
    )


def select(
    boxes: FloatArray, scores: FloatArray, threshold: float
) -> tuple[FloatArray, FloatArray]:
    """(K, 4) boxes and (K,) scores of one phrase: sure enough, none repeating a surer one.

    A box that stays is the mean, by score, of all that lie where it does (box voting; Gidaris and
    Komodakis, 2015): several looks know its sides better than one.
    """
    rows = np.flatnonzero(scores >= threshold)
    rows = rows[np.argsort(-scores[rows], kind="stable")][:CANDIDATES]
    boxes, scores = boxes[rows], scores[rows]
    overlap = iou(boxes, boxes)
    # A box without area overlaps nothing, not even itself.
    np.fill_diagonal(overlap, 1)
    keep: list[int] = []
    for index in range(len(rows)):
        if not (overlap[index, keep] > SAME_OBJECT_IOU).any():
            keep.append(index)
    votes = (overlap[keep] > SAME_PLACE_IOU) * scores
    mean: FloatArray = (votes @ boxes / votes.sum(1, keepdims=True)).astype(np.float32)
    return mean.reshape(-1, 4), scores[keep]
