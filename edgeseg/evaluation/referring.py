"""Referring prompts whose answers annotations tell: "the cup next to the plate".

    leftmost, second, largest    by the centres and areas of one class's boxes
    next to                      the one box of X that is nearest to the only Y
    on                           the boxes of X that stand in one of Y, where all others touch none
    without                      one of the two before, or all boxes of X, of those that hold no Z

A prompt is made only where the boxes leave no doubt, by margins that are given below; they share
no code with the checks that answer it.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from edgeseg.engines.base import Detector, Simplifier
from edgeseg.evaluation.data import LabelledImage
from edgeseg.evaluation.true_objects import TrueObjects, boxes_of
from edgeseg.run import Run
from edgeseg.schemas import DetectionResult, DetectRequest
from edgeseg.selection.boxes import iou
from edgeseg.types import BoolArray, FloatArray, Image

KINDS = ("leftmost", "second from the right", "largest", "next to", "on", "without")
_SURFACES = frozenset(
    (
        "dining table", "diningtable", "table", "chair", "couch", "sofa", "bed", "bench", "bicycle",
        "motorcycle", "motorbike", "horse", "surfboard", "skateboard", "snowboard", "skis",
        "elephant", "desk", "shelf", "boat",
    )
)  # fmt: skip
_MARGIN = 0.03
"""Least difference of centres, as a share of the image's width."""
_LARGER = 1.25
_SAME_IOU = 0.5


@dataclass(frozen=True)
class ReferringPrompt:
    """A prompt about one image, and the rows of the image's instances that answer it."""

    kind: str
    image: LabelledImage
    prompt: str
    rows: frozenset[int]


@dataclass(frozen=True)
class ReferringAnswer:
    """Whether a prompt was answered by its boxes and no others."""

    asked: ReferringPrompt
    right: bool
    found: int


def referring_prompts(
    images: Sequence[LabelledImage], count: int, seed: int = 0
) -> list[ReferringPrompt]:
    """Return at most ``count`` prompts about annotated images, as evenly over the kinds as can be.

    Images without a size are left out; the same seed gives the same prompts.
    """
    made: dict[str, list[ReferringPrompt]] = defaultdict(list)
    for image in images:
        if image.size_hw is not None:
            for each in _prompts_of(image):
                made[each.kind].append(each)
    shuffler = random.Random(seed)
    for prompts in made.values():
        shuffler.shuffle(prompts)
    chosen: list[ReferringPrompt] = []
    while len(chosen) < count and any(made.values()):
        for kind in KINDS:
            if made[kind] and len(chosen) < count:
                chosen.append(made[kind].pop())
    return chosen


def evaluate_referring(
    prompts: Sequence[ReferringPrompt],
    simplifier: Simplifier,
    detector: Detector | None = None,
    photos: Callable[[LabelledImage], Image] | None = None,
    progress: Callable[[], object] = lambda: None,
) -> list[ReferringAnswer]:
    """Answer prompts, by default with the annotated boxes as detections.

    With a detector, ``photos`` decodes an image; each box that it gives must then fit one of the
    answer's with an IoU of 0.5, and every box of the answer one that it gives.
    """
    answers = []
    for asked in prompts:
        image = photos(asked.image) if photos else _blank(asked.image)
        used = detector or TrueObjects(asked.image.instances, image.size_hw)
        run = Run(DetectRequest(text_prompt=asked.prompt), partial(_same, image))
        run.step("simplify", simplifier)
        run.step("detect", used)
        result = run.result("evaluation")
        assert isinstance(result, DetectionResult)
        found = np.array([each.box for each in result.objects], np.float32).reshape(-1, 4)
        answers.append(ReferringAnswer(asked, _is_right(asked, found), len(found)))
        progress()
    return answers


def counts_by_kind(answers: Sequence[ReferringAnswer]) -> dict[str, tuple[int, int]]:
    """Return right and all answers by kind, and "all" at the end."""
    totals = Counter(each.asked.kind for each in answers)
    right = Counter(each.asked.kind for each in answers if each.right)
    counts = {kind: (right[kind], totals[kind]) for kind in KINDS if totals[kind]}
    return {**counts, "all": (right.total(), totals.total())}


def _is_right(asked: ReferringPrompt, found: FloatArray) -> bool:
    wanted = boxes_of(asked.image.instances)[sorted(asked.rows)]
    same = iou(found, wanted) >= _SAME_IOU
    return len(found) == len(wanted) and bool(same.any(axis=0).all() and same.any(axis=1).all())


def _same(image: Image) -> Image:
    return image


def _blank(image: LabelledImage) -> Image:
    assert image.size_hw is not None
    return Image(np.zeros((*image.size_hw, 3), np.uint8), image.file_name)


def _prompts_of(image: LabelledImage) -> Iterator[ReferringPrompt]:
    """Yield what can be asked about an image; classes with crowds are left alone."""
    crowds = {each.category for each in image.instances if each.crowd}
    rows: dict[str, list[int]] = defaultdict(list)
    for row, each in enumerate(image.instances):
        if each.category not in crowds:
            rows[each.category].append(row)
    boxes = boxes_of(image.instances)
    for name, members in rows.items():
        if len(members) > 1 and not _repeated(boxes[members]):
            yield from _positions(image, name, members, boxes)
            for other, places in rows.items():
                if other != name and not _repeated(boxes[places]):
                    yield from _relations(image, (name, members), (other, places), rows, boxes)
                    yield from _without(image, (name, members), (other, places), boxes)


def _repeated(boxes: FloatArray) -> bool:
    """Say whether boxes of a class are nearly the same: detectors report one of them."""
    return bool((np.triu(iou(boxes, boxes), 1) > 0.55).any())


def _positions(
    image: LabelledImage, name: str, members: list[int], boxes: FloatArray
) -> Iterator[ReferringPrompt]:
    assert image.size_hw is not None
    x0, y0, x1, y1 = boxes[members].T
    middle, areas = (x0 + x1) / 2 / image.size_hw[1], (x1 - x0) * (y1 - y0)
    order, by_size = np.argsort(middle), np.argsort(-areas)
    gaps = np.diff(middle[order])
    if gaps[0] >= _MARGIN:
        yield ReferringPrompt(
            "leftmost", image, f"the leftmost {name}", frozenset({members[order[0]]})
        )
    if len(members) > 2 and gaps[-1] >= _MARGIN and gaps[-2] >= _MARGIN:
        prompt = f"the second {name} from the right"
        yield ReferringPrompt(
            "second from the right", image, prompt, frozenset({members[order[-2]]})
        )
    if areas[by_size[0]] >= _LARGER * areas[by_size[1]]:
        yield ReferringPrompt(
            "largest", image, f"the largest {name}", frozenset({members[by_size[0]]})
        )


def _relations(
    image: LabelledImage,
    asked: tuple[str, list[int]],
    other: tuple[str, list[int]],
    rows: dict[str, list[int]],
    boxes: FloatArray,
) -> Iterator[ReferringPrompt]:
    (name, members), (place, places) = asked, other
    found = (
        ("next to", _nearest(boxes[members], boxes[places])),
        ("on", _standing(boxes[members], boxes[places]) if place in _SURFACES else None),
    )
    for words, chosen in found:
        if chosen is None or not chosen.any():
            continue
        answer = frozenset(np.array(members)[chosen].tolist())
        prompt = f"the {name} {words} the {place}"
        yield ReferringPrompt(words, image, prompt, answer)
        for third, held in rows.items():
            if third in (name, place):
                continue
            without = _holding_none(boxes[members], boxes[held])
            # All that the relation chooses hold none, and another one does.
            if without is not None and without[chosen].all() and not without.all():
                yield ReferringPrompt("without", image, f"{prompt} without a {third}", answer)


def _without(
    image: LabelledImage,
    asked: tuple[str, list[int]],
    other: tuple[str, list[int]],
    boxes: FloatArray,
) -> Iterator[ReferringPrompt]:
    (name, members), (third, held) = asked, other
    without = _holding_none(boxes[members], boxes[held])
    if without is not None and without.any() and not without.all():
        answer = frozenset(np.array(members)[without].tolist())
        yield ReferringPrompt("without", image, f"{name} without a {third}", answer)


def _nearest(boxes: FloatArray, places: FloatArray) -> BoolArray | None:
    """The box (N,) that is clearly nearest to the only place, apart from it and beside it."""
    if len(places) != 1:
        return None
    gap_x = np.maximum(0, np.maximum(boxes[:, 0] - places[0, 2], places[0, 0] - boxes[:, 2]))
    gap_y = np.maximum(0, np.maximum(boxes[:, 1] - places[0, 3], places[0, 1] - boxes[:, 3]))
    gaps, size = np.hypot(gap_x, gap_y), np.sqrt(_areas(boxes).max())
    order = np.argsort(gaps)
    first, second = order[:2]
    overlapping = _shared(boxes, places)[first, 0] > 0.5 * min(
        _areas(boxes)[first], _areas(places)[0]
    )
    if overlapping or gaps[first] > 0.5 * size or gaps[second] < gaps[first] + 0.25 * size:
        return None
    chosen: BoolArray = np.arange(len(boxes)) == first
    return chosen


def _standing(boxes: FloatArray, places: FloatArray) -> BoolArray | None:
    """Boxes (N,) whose foot stands in a place, None where another touches a place in any way."""
    x, foot = (boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    stands = (
        (x[:, None] > places[:, 0])
        & (x[:, None] < places[:, 2])
        & (foot[:, None] > places[:, 1])
        & (foot[:, None] < places[:, 3])
        & (middle[:, None] < (places[:, 1] + places[:, 3]) / 2)
    ).any(axis=1)
    touches = (_shared(boxes, places) > 0).any(axis=1)
    chosen = np.asarray(stands, np.bool_)
    return chosen if (stands == touches).all() else None


def _holding_none(boxes: FloatArray, held: FloatArray) -> BoolArray | None:
    """Boxes (N,) that hold no other, None where one is held in part or lies in several boxes."""
    inside = _shared(boxes, held) / np.maximum(_areas(held), 1e-6)
    if ((inside > 0) & (inside < 0.9)).any() or ((inside >= 0.9).sum(axis=0) > 1).any():
        return None
    return np.asarray((inside == 0).all(axis=1), np.bool_)


def _areas(boxes: FloatArray) -> FloatArray:
    areas: FloatArray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas


def _shared(one: FloatArray, other: FloatArray) -> FloatArray:
    """(N, M) shared areas in square pixels."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared: FloatArray = np.prod(np.maximum(0, high - low), axis=2)
    return shared
