"""The nano detector: boxes whose embedding is scored against the vectors of any phrases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeseg.engines.nano.letterbox import Frame
from edgeseg.engines.nano.onnx_session import Network
from edgeseg.engines.nano.selection import select
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.types import Detections, FloatArray, Image, IntArray

# Every photo is seen from near, from further away and from afar, and suppression decides: a thing
# is told best when it is about as large as those in training.
LOOKS_AREA_PX = (320 * 256, 208 * 160, 128 * 96)
# From afar things are told by a hair: a second, mirrored try costs a tenth and takes chance out.
MIRRORED = (False, False, True)
STRIDES = (8, 16, 32)


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
        boxes, embeddings, looks = look_often(self._network, image)
        logits = embeddings @ text.T + self._bias
        logits[:, ~known] = -np.inf
        area_px = image.size_hw[0] * image.size_hw[1]
        threshold = max(box_threshold, text_threshold, 1e-3)
        parts = [select(boxes, each, looks, area_px, threshold) for each in logits.T]
        kept, sure = (np.concatenate(each) for each in zip(*parts, strict=True))
        labels = [phrase for phrase, part in zip(phrases, parts, strict=True) for _ in part[1]]
        order = np.argsort(-sure, kind="stable")
        return Detections(kept[order], sure[order], tuple(labels[i] for i in order))

    def close(self) -> None:
        """Free the network."""
        self._network = None


def look_often(network: Network, image: Image) -> tuple[FloatArray, FloatArray, IntArray]:
    """(L, 4) boxes in pixels of the image, (L, D) embeddings and (L,) look of each cell."""
    seen: list[tuple[FloatArray, FloatArray]] = []
    looks: list[int] = []
    for number, (area, mirrored) in enumerate(zip(LOOKS_AREA_PX, MIRRORED, strict=True)):
        frame = Frame.of(image.size_hw, area)
        for mirror in (False, True)[: 1 + mirrored]:
            seen.append(look(network, image, frame, mirror=mirror))
            looks += [number] * len(seen[-1][0])
    boxes, embeddings = (np.concatenate(each) for each in zip(*seen, strict=True))
    return boxes, embeddings, np.array(looks)


def look(
    network: Network, image: Image, frame: Frame, *, mirror: bool = False
) -> tuple[FloatArray, FloatArray]:
    """(L, 4) boxes in pixels of the image and (L, D) embeddings of all cells of one look."""
    rgb = image.rgb[:, ::-1] if mirror else image.rgb
    sides, embeddings = network.run(image=frame.render(rgb))
    centres, strides = cell_grid(frame.input_hw)
    distances = sides[0] * strides[:, None]
    boxes = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
    height, width = image.size_hw
    boxes /= np.tile(frame.scale_xy, 2)
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
