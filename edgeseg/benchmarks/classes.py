"""How soon the classes of a pack are there, and whether deadlines are kept."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgeseg.pipeline import EdgeSegAI
from edgeseg.result import Segmentation
from edgeseg.types import UInt8Array

DEADLINES_MS = (20.0, 200.0)
WARM_UP = 3
# What a deadline may be overrun by: as many classes as the nano engine decodes at once.
CHUNK = 4
Progress = Callable[[], object]


@dataclass(frozen=True)
class ClassSpeed:
    """Median milliseconds from an image's pixels to the result, for the first k of the classes."""

    classes: int
    ms: float
    images_per_second: float


@dataclass(frozen=True)
class DeadlinesKept:
    """How ``frames`` images ended whose deadlines were spread evenly from 20 to 200 ms.

    ``within`` is the share that ended by the deadline, ``within_a_chunk`` by that and one chunk of
    classes (``chunk_ms``); ``equal`` is the share whose masks are, to the bit, those of the same
    classes without a deadline. ``finished`` is the mean number of classes.
    """

    frames: int
    chunk_ms: float
    within: float
    within_a_chunk: float
    equal: float
    finished: float


def measure_speed(
    ai: EdgeSegAI,
    photos: Sequence[UInt8Array],
    pack: str,
    names: Sequence[str],
    progress: Progress = lambda: None,
) -> list[ClassSpeed]:
    """Time 1 to all of the classes on (H, W, 3) RGB photos, numbers of classes in turn."""
    spent_ms: dict[int, list[float]] = {k: [] for k in range(1, len(names) + 1)}
    fresh = unseen(photos)
    for turn in range(WARM_UP + len(photos)):
        for k, all_ms in spent_ms.items():
            ms, _ = _timed(ai, next(fresh), pack, names[:k])
            if turn >= WARM_UP:
                all_ms.append(ms)
        progress()
    medians = {k: statistics.median(all_ms) for k, all_ms in spent_ms.items()}
    return [ClassSpeed(k, round(ms, 2), round(1000 / ms, 2)) for k, ms in medians.items()]


def measure_deadlines(
    ai: EdgeSegAI,
    photos: Sequence[UInt8Array],
    pack: str,
    names: Sequence[str],
    chunk_ms: float,
    frames: int = 200,
    progress: Progress = lambda: None,
) -> DeadlinesKept:
    """Ask for all classes with deadlines from 20 to 200 ms in random order, and look what comes."""
    deadlines = np.random.default_rng(0).permutation(np.linspace(*DEADLINES_MS, frames))
    within = beyond = equal = finished = 0
    for photo, deadline_ms in zip(unseen(photos), deadlines, strict=False):
        ms, made = _timed(ai, photo, pack, names, float(deadline_ms))
        within += ms <= deadline_ms
        beyond += ms <= deadline_ms + chunk_ms
        _, whole = _timed(ai, photo, pack, names)
        done = _finished(made)
        equal += _masks(made) == {k: v for k, v in _masks(whole).items() if k in done}
        finished += len(done)
        progress()
    shares = {
        "within": within,
        "within_a_chunk": beyond,
        "equal": equal,
        "finished": finished,
    }
    means = {name: round(float(value) / frames, 4) for name, value in shares.items()}
    return DeadlinesKept(frames, round(chunk_ms, 2), **means)


def chunk_ms(speeds: Sequence[ClassSpeed]) -> float:
    """Return what one more chunk of classes takes: the slope of the times over the classes."""
    numbers, times = [each.classes for each in speeds], [each.ms for each in speeds]
    return CHUNK * float(np.polyfit(numbers, times, 1)[0]) if len(speeds) > 1 else times[0]


def unseen(photos: Sequence[UInt8Array]) -> Iterator[UInt8Array]:
    """Yield the photos over and over, a pixel changed each time, so that no cache knows them."""
    for number, photo in zip(itertools.count(), itertools.cycle(photos), strict=False):
        changed = photo.copy()
        changed[0, 0] = [number % 256, number // 256 % 256, number // 65536]
        yield changed


def _timed(
    ai: EdgeSegAI,
    photo: UInt8Array,
    pack: str,
    names: Sequence[str],
    deadline_ms: float | None = None,
) -> tuple[float, Segmentation]:
    began = time.perf_counter()
    made = ai.segment_classes(photo, pack=pack, classes=list(names), deadline_ms=deadline_ms)
    return (time.perf_counter() - began) * 1000, made


def _finished(made: Segmentation) -> set[str]:
    found = made.result.classes
    return {each.name for each in found.finished} if found else set()


def _masks(made: Segmentation) -> dict[str, object]:
    return {each.label: each.mask for each in made.result.objects}
