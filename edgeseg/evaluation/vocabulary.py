"""Questions about words: are other names understood, and is what is absent left unfound."""

from __future__ import annotations

import random
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from edgeseg import stages
from edgeseg.engines.base import Detector
from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation.data import LabelledImage, Truth
from edgeseg.schemas import DetectRequest
from edgeseg.selection.boxes import iou
from edgeseg.types import BoolArray, Detections, FloatArray, Image

FOUND_IOU = 0.5
# Of the tries with a phrase for something absent, the share with words of no class at all.
BEYOND = 0.2
SEED = 2026
_DEFAULTS = DetectRequest.model_fields

Synonyms = Mapping[str, Sequence[str]]


def read_synonyms(path: Path | None = None) -> Synonyms:
    """Read ``class = [other names]`` from TOML; without a path, the list in the package."""
    source = path or files(__package__) / "synonyms.toml"
    try:
        return tomllib.loads(source.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidParameterError(f"{source}: expected TOML of names by class: {error}") from None


def read_absent() -> list[str]:
    """Return the words for things that ordinary photos do not hold."""
    lines = (files(__package__) / "absent.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def evaluate_words(
    truth: Truth,
    detector: Detector,
    synonyms: Synonyms,
    absent: Sequence[str],
    tries: int = 500,
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """Ask for each class by its names, and for what is not there, at the default thresholds.

    Returns ``synonyms`` {objects, found_by_name, kept, kept_by_class, found, per_class}: of the
    annotated objects that the class name finds (a box of IoU 0.5), ``kept`` is the share that the
    other names find too, on average, ``kept_by_class`` its mean over classes, and ``found`` all
    that they find, relative to the class name; and ``absent``
    {tries, empty, share, wrong}: how often a phrase for something that is not in the photo, drawn
    with a fixed seed, finds nothing, and the phrases that found something.
    """
    started = time.monotonic()
    drawn = draw_absent(truth.images, absent, tries)
    counts: dict[str, dict[str, list[int]]] = defaultdict(dict)
    wrong: dict[str, int] = defaultdict(int)
    empty = done = 0
    for labelled, image in truth:
        absent_here = drawn.get(labelled.id, [])
        detected = _DetectedOnce(detector, image, [*_names(labelled, synonyms), *absent_here])
        _ask_by_name(detected, labelled, synonyms, counts)
        for phrase in absent_here:
            hits = len(detected.find(phrase))
            empty += hits == 0
            wrong[phrase] += hits > 0
        done += 1
        progress(done)
    asked = sum(len(drawn.get(each.id, ())) for each in truth.images)
    mistaken = {phrase: count for phrase, count in wrong.items() if count}
    return {
        "synonyms": _summary(counts),
        "absent": {
            "tries": asked,
            "empty": empty,
            "share": empty / asked if asked else 0.0,
            "wrong": dict(sorted(mistaken.items(), key=lambda row: -row[1])),
        },
        "images": done,
        "seconds": round(time.monotonic() - started, 2),
    }


def draw_absent(
    images: Sequence[LabelledImage], beyond: Sequence[str], tries: int
) -> dict[int, list[str]]:
    """Return, by image, phrases for what is not in it: classes that it would show, and others."""
    rng = random.Random(SEED)
    drawn: dict[int, list[str]] = defaultdict(list)
    for _ in range(tries):
        labelled = rng.choice(images)
        there = {each.category for each in labelled.instances}
        classes = [name for name in labelled.complete if name not in there]
        words = beyond if beyond and (rng.random() < BEYOND or not classes) else classes
        if words:
            drawn[labelled.id].append(rng.choice(words))
    return drawn


class _DetectedOnce:
    """One forward pass for all phrases of an image, from which each phrase is answered."""

    def __init__(self, detector: Detector, image: Image, phrases: Sequence[str]) -> None:
        self.name, self.device, self.dtype = detector.name, detector.device, detector.dtype
        self._image = image
        self._found = detector.detect(
            image,
            list(dict.fromkeys(phrases)),
            box_threshold=_DEFAULTS["box_threshold"].default,
            text_threshold=_DEFAULTS["text_threshold"].default,
        )

    def close(self) -> None:
        """Nothing to free: the detector is another's."""

    def detect(
        self, image: Image, phrases: Sequence[str], *, box_threshold: float, text_threshold: float
    ) -> Detections:
        """Return what was found for these phrases."""
        return self._found.take(
            [row for row, label in enumerate(self._found.labels) if label in phrases]
        )

    def find(self, phrase: str) -> Detections:
        """Return what a user would be shown for one phrase, at the default thresholds."""
        request = DetectRequest(text_prompt=phrase, simplify="never", tile="never")
        return stages.detect(self, self._image, request, stages.as_it_is(request))


def _names(labelled: LabelledImage, synonyms: Synonyms) -> list[str]:
    """All names of the classes that an image holds."""
    there = dict.fromkeys(each.category for each in labelled.instances)
    return [name for each in there if each in synonyms for name in (each, *synonyms[each])]


def _ask_by_name(
    detected: _DetectedOnce,
    labelled: LabelledImage,
    synonyms: Synonyms,
    counts: dict[str, dict[str, list[int]]],
) -> None:
    """Add, per class and name: objects, found by the class name, by this name, and by both."""
    boxes: dict[str, list[Any]] = defaultdict(list)
    for each in labelled.instances:
        if not each.crowd and each.category in synonyms:
            boxes[each.category].append(each.box_xyxy)
    for category, rows in boxes.items():
        truth = np.array(rows, np.float32)
        by_class = _hits(detected.find(category), truth)
        for name in synonyms[category]:
            by_name = _hits(detected.find(name), truth)
            row = counts[category].setdefault(name, [0, 0, 0, 0])
            row[0] += len(truth)
            for place, hits in enumerate((by_class, by_name, by_class & by_name), 1):
                row[place] += int(np.count_nonzero(hits))


def _hits(detections: Detections, truth: FloatArray) -> BoolArray:
    """(N,) bool: which ground-truth boxes are found."""
    if not len(detections):
        return np.zeros(len(truth), bool)
    hit: BoolArray = np.array((iou(truth, detections.boxes_xyxy) >= FOUND_IOU).any(axis=1))
    return hit


def _summary(counts: Mapping[str, Mapping[str, Sequence[int]]]) -> dict[str, Any]:
    rows = [row for names in counts.values() for row in names.values()]
    firsts = [next(iter(names.values())) for names in counts.values()]
    by_class, found, kept = (sum(row[place] for row in rows) for place in (1, 2, 3))
    shares = [
        sum(row[3] for row in names.values()) / sum(row[1] for row in names.values())
        for names in counts.values()
        if any(row[1] for row in names.values())
    ]
    return {
        "objects": sum(row[0] for row in firsts),
        "found_by_name": sum(row[1] for row in firsts),
        "kept": kept / by_class if by_class else 0.0,
        "kept_by_class": float(np.mean(shares)) if shares else 0.0,
        "found": found / by_class if by_class else 0.0,
        "per_class": {
            category: {
                "objects": next(iter(names.values()))[0],
                "found_by_name": next(iter(names.values()))[1],
                "found": {name: row[2] for name, row in names.items()},
                "kept": {name: row[3] for name, row in names.items()},
            }
            for category, names in counts.items()
        },
    }
