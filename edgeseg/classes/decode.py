"""Classes decoded in the order of their priority, until all are done or the time is over.

    wanted   car, pedestrian, road, tree, sky      deadline after 60 ms
    encoding                                       34 ms
    chunk 1  car, pedestrian                       43 ms: another like it ends in time
    chunk 2  road, tree                            52 ms: another does not: stop
    finished car, pedestrian, road, tree           unfinished sky

A class's mask depends on its own prompt alone, so that it is the same with and without a deadline.
The label map gives each pixel to the class with the highest logit among those that are finished.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import PIL.Image

from edgeseg.classes.deadline import Deadline
from edgeseg.classes.pack import ClassPack, PackClass
from edgeseg.codecs import mask_to_rle
from edgeseg.engines.base import ClassSegmenter
from edgeseg.schemas import Rle
from edgeseg.types import ClassLogits, Embedding, FloatArray, UInt8Array

NEVER = Deadline()
# Classes between two looks at the clock.
CHUNK = 2
BACKGROUND = 255
"""The number of pixels of no class in a label map."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """``label_map`` (H, W) uint8 has numbers of the pack's classes, 255 for none.

    ``masks`` and ``confidences`` are those of ``finished``, row by row; a mask may be empty.
    """

    finished: tuple[PackClass, ...]
    unfinished: tuple[PackClass, ...]
    masks: tuple[Rle, ...]
    confidences: tuple[float, ...]
    label_map: UInt8Array


def decode(
    engine: ClassSegmenter,
    embedding: Embedding,
    pack: ClassPack,
    wanted: Sequence[PackClass],
    background_threshold: float,
    deadline: Deadline = NEVER,
) -> Decoded:
    """Decode classes of a pack in this order, as long as a chunk like the last ends in time."""
    labels = _LabelMap(embedding.size_hw, background_threshold)
    numbers = {each.name: number for number, each in enumerate(pack.classes)}
    masks: list[Rle] = []
    confidences: list[float] = []
    chunk_s = 0.0
    for start in range(0, len(wanted), CHUNK):
        if not deadline.leaves(chunk_s):
            break
        began = time.perf_counter()
        for each, logits in _decode(engine, embedding, wanted[start : start + CHUNK]):
            full = enlarged(logits, embedding.size_hw)
            labels.add(numbers[each.name], full)
            masks.append(mask_to_rle(full > 0))
            confidences.append(_confidence(logits.logits[0]))
        chunk_s = time.perf_counter() - began
    done = len(masks)
    return Decoded(
        tuple(wanted[:done]),
        tuple(wanted[done:]),
        tuple(masks),
        tuple(confidences),
        labels.numbers,
    )


def nothing(wanted: Sequence[PackClass], size_hw: tuple[int, int]) -> Decoded:
    """Return what there is where the deadline leaves no time for encoding the image."""
    return Decoded((), tuple(wanted), (), (), np.full(size_hw, BACKGROUND, np.uint8))


def _decode(
    engine: ClassSegmenter, embedding: Embedding, classes: Sequence[PackClass]
) -> Iterator[tuple[PackClass, ClassLogits]]:
    """Yield each class with its (1, h, w) logits; those with prompts of one length go together."""
    for _, group in groupby(classes, key=lambda each: len(each.prompt)):
        some = list(group)
        made = engine.decode_classes(embedding, np.stack([each.prompt for each in some]))
        for row, each in enumerate(some):
            yield each, ClassLogits(made.logits[row : row + 1], made.window_xyxy)


def enlarged(logits: ClassLogits, size_hw: tuple[int, int]) -> FloatArray:
    """(H, W) of the (1, h, w) logits over the image of ``size_hw``, bilinearly."""
    height, width = size_hw
    rows, columns = logits.logits.shape[1:]
    x0, y0, x1, y1 = (float(value) for value in logits.window_xyxy)
    across, down = columns / (x1 - x0), rows / (y1 - y0)
    # The part of the logits that lies over the image: the rest is padding.
    part = (
        max(-x0 * across, 0.0),
        max(-y0 * down, 0.0),
        min((width - x0) * across, float(columns)),
        min((height - y0) * down, float(rows)),
    )
    image = PIL.Image.fromarray(np.ascontiguousarray(logits.logits[0]))
    made = image.resize((width, height), PIL.Image.Resampling.BILINEAR, part)
    return np.asarray(made, np.float32)


class _LabelMap:
    """The number of the class with the highest logit at each pixel, class after class."""

    def __init__(self, size_hw: tuple[int, int], threshold: float) -> None:
        self.numbers: UInt8Array = np.full(size_hw, BACKGROUND, np.uint8)
        least = math.log(threshold / (1 - threshold)) if 0 < threshold < 1 else -math.inf
        self._best = np.full(size_hw, least if threshold < 1 else math.inf, np.float32)

    def add(self, number: int, logits: FloatArray) -> None:
        better = logits > self._best
        self.numbers[better] = number
        np.copyto(self._best, logits, where=better)


def _confidence(logits: FloatArray) -> float:
    """Return the mean probability of the cells inside; 0 where there are none."""
    inside = logits[logits > 0]
    return float((1 / (1 + np.exp(-inside))).mean()) if inside.size else 0.0
