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
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np

from edgeseg.classes.deadline import Deadline
from edgeseg.classes.pack import ClassPack, PackClass
from edgeseg.codecs import mask_to_rle
from edgeseg.engines.base import ClassSegmenter
from edgeseg.platforms import cpu_count
from edgeseg.schemas import Rle
from edgeseg.types import ClassLogits, Embedding, FloatArray, UInt8Array

NEVER = Deadline()
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
    made = _Made(pack, embedding.size_hw, background_threshold)
    at_once = engine.classes_at_once
    chunk_s = 0.0
    in_work: list[_InWork] = []
    with ThreadPoolExecutor(cpu_count()) as pool:
        for start in range(0, len(wanted), at_once):
            if not deadline.leaves(chunk_s):
                break
            began = time.perf_counter()
            chunk = wanted[start : start + at_once]
            maps = _decode(engine, embedding, chunk)
            enlarge = partial(_Decoding.of, size_hw=embedding.size_hw)
            # Without a deadline, a chunk is enlarged while the network decodes the next one.
            before, in_work = (
                in_work,
                [(each, pool.submit(enlarge, one)) for each, one in zip(chunk, maps, strict=True)],
            )
            made.take(before)
            if deadline.at_s < math.inf:
                made.take(in_work)
                in_work = []
            chunk_s = time.perf_counter() - began
        made.take(in_work)
    done = len(made.masks)
    return Decoded(
        tuple(wanted[:done]),
        tuple(wanted[done:]),
        tuple(made.masks),
        tuple(made.confidences),
        np.ascontiguousarray(made.labels.numbers),
    )


def nothing(wanted: Sequence[PackClass], size_hw: tuple[int, int]) -> Decoded:
    """Return what there is where the deadline leaves no time for encoding the image."""
    return Decoded((), tuple(wanted), (), (), np.full(size_hw, BACKGROUND, np.uint8))


def _decode(
    engine: ClassSegmenter, embedding: Embedding, classes: Sequence[PackClass]
) -> Iterator[ClassLogits]:
    """Yield the (1, h, w) logits of each class; those with prompts of one length go together."""
    for _, group in groupby((each.prompt for each in classes), key=len):
        made = engine.decode_classes(embedding, np.stack(list(group)))
        for row in range(len(made.logits)):
            yield ClassLogits(made.logits[row : row + 1], made.window_xyxy)


@dataclass(frozen=True, eq=False)
class _Decoding:
    """One class over the image: (H, W) logits, its mask, and how sure it is inside."""

    logits: FloatArray
    mask: Rle
    confidence: float

    @classmethod
    def of(cls, small: ClassLogits, size_hw: tuple[int, int]) -> _Decoding:
        full = enlarged(small, size_hw)
        return cls(full, mask_to_rle(full > 0), _confidence(small.logits[0]))


def enlarged(logits: ClassLogits, size_hw: tuple[int, int]) -> FloatArray:
    """(H, W) of the (1, h, w) logits over the image of ``size_hw``, bilinearly.

    Column by column in memory, as run lengths go: masks of it are encoded without a copy.
    """
    height, width = size_hw
    x0, y0, x1, y1 = (float(value) for value in logits.window_xyxy)
    on_its_side = np.ascontiguousarray(logits.logits[0].T)
    tall = _interpolated(on_its_side.T, (-y0 / (y1 - y0), (height - y0) / (y1 - y0)), height)
    return _interpolated(tall.T, (-x0 / (x1 - x0), (width - x0) / (x1 - x0)), width).T


def _interpolated(rows: FloatArray, part: tuple[float, float], count: int) -> FloatArray:
    """(count, w) of the (h, w) rows, linearly, at centres that divide a part of them evenly.

    The part is in shares of the height; beyond the centres of the first and last row, those go on.
    """
    height = len(rows)
    start, end = (share * height for share in part)
    places = start + (np.arange(count) + 0.5) * ((end - start) / count) - 0.5
    places = places.clip(0, height - 1)
    above = np.minimum(places.astype(np.intp), max(height - 2, 0))
    steps = np.diff(rows, axis=0, append=rows[-1:])
    made = steps[above]
    made *= (places - above).astype(np.float32)[:, None]
    made += rows[above]
    return made


_InWork = tuple[PackClass, Future[_Decoding]]


class _Made:
    """What is there so far of the classes of a pack, in the order in which they were taken."""

    def __init__(self, pack: ClassPack, size_hw: tuple[int, int], threshold: float) -> None:
        self.labels = _LabelMap(size_hw, threshold)
        self.masks: list[Rle] = []
        self.confidences: list[float] = []
        self._numbers = {each.name: number for number, each in enumerate(pack.classes)}

    def take(self, in_work: Sequence[_InWork]) -> None:
        """Wait for classes, and add them."""
        for each, future in in_work:
            one = future.result()
            self.labels.add(self._numbers[each.name], one.logits)
            self.masks.append(one.mask)
            self.confidences.append(one.confidence)


class _LabelMap:
    """The number of the class with the highest logit at each pixel, class after class."""

    def __init__(self, size_hw: tuple[int, int], threshold: float) -> None:
        # Column by column, as the logits are.
        self.numbers: UInt8Array = np.full(size_hw, BACKGROUND, np.uint8, order="F")
        least = math.log(threshold / (1 - threshold)) if 0 < threshold < 1 else -math.inf
        self._best = np.full(size_hw, least if threshold < 1 else math.inf, np.float32, order="F")

    def add(self, number: int, logits: FloatArray) -> None:
        better = logits > self._best
        np.copyto(self.numbers, number, where=better)
        np.maximum(self._best, logits, out=self._best)


def _confidence(logits: FloatArray) -> float:
    """Return the mean probability of the cells inside; 0 where there are none."""
    inside = logits[logits > 0]
    return float((1 / (1 + np.exp(-inside))).mean()) if inside.size else 0.0
