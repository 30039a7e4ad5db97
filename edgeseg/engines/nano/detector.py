"""The nano detector: boxes whose embedding is scored against the vectors of any phrases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeseg.engines.nano.letterbox import Letterbox
from edgeseg.engines.nano.onnx_session import Network
from edgeseg.engines.nano.selection import select
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.types import Detections, FloatArray, Image, IntArray

# Three input scales per image, fused by select(): an object is detected best when it is about as
# large as those in training.
SCALES_AREA_PX = (320 * 256, 208 * 160, 128 * 96)
# Test-time augmentation by a mirrored view, for the coarsest scale alone: its scores are noisy, and
# a second forward pass there adds a tenth to the time.
MIRRORED = (False, False, True)
STRIDES = (8, 16, 32)


class NanoDetector:
    """Runs on the CPU in float32; see the model card for data, figures and limits."""

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
        boxes, embeddings, scales = forward_scales(self._network, image)
        logits = embeddings @ text.T + self._bias
        logits[:, ~known] = -np.inf
        area_px = image.size_hw[0] * image.size_hw[1]
        threshold = max(box_threshold, text_threshold, 1e-3)
        parts = [select(boxes, each, scales, area_px, threshold) for each in logits.T]
        selected, scores = (np.concatenate(each) for each in zip(*parts, strict=True))
        labels = [phrase for phrase, part in zip(phrases, parts, strict=True) for _ in part[1]]
        order = np.argsort(-scores, kind="stable")
        return Detections(selected[order], scores[order], tuple(labels[i] for i in order))

    def close(self) -> None:
        """Free the network."""
        self._network = None


def forward_scales(network: Network, image: Image) -> tuple[FloatArray, FloatArray, IntArray]:
    """(L, 4) boxes in pixels of the image, (L, D) embeddings and (L,) scale of each cell."""
    outputs: list[tuple[FloatArray, FloatArray]] = []
    scales: list[int] = []
    for scale, (area, mirrored) in enumerate(zip(SCALES_AREA_PX, MIRRORED, strict=True)):
        letterbox = Letterbox.for_size(image.size_hw, area)
        for mirror in (False, True)[: 1 + mirrored]:
            outputs.append(forward(network, image, letterbox, mirror=mirror))
            scales += [scale] * len(outputs[-1][0])
    boxes, embeddings = (np.concatenate(each) for each in zip(*outputs, strict=True))
    return boxes, embeddings, np.array(scales)


def forward(
    network: Network, image: Image, letterbox: Letterbox, *, mirror: bool = False
) -> tuple[FloatArray, FloatArray]:
    """(L, 4) boxes in pixels of the image and (L, D) embeddings per cell, of one forward pass."""
    rgb = image.rgb[:, ::-1] if mirror else image.rgb
    sides, embeddings = network.run(image=letterbox.render(rgb))
    centres, strides = cell_grid(letterbox.input_hw)
    distances = sides[0] * strides[:, None]
    boxes = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
    height, width = image.size_hw
    boxes /= np.tile(letterbox.scale_xy, 2)
    if mirror:
        boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
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
