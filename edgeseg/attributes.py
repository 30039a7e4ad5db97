"""Checks of colours and relations: which detected objects are what the prompt's words say.

    prompt   "person with red shirt"      looked for: person, red shirt
    colour   red of "red shirt"           by the pixels of each shirt's mask
    relation person with red shirt        by boxes and masks; a shirt counts for one person

With masks they are checked after segmentation; a detection alone has boxes, and colours are then
read in the middle of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from edgeseg.codecs import rle_area, rle_overlap, rle_to_mask
from edgeseg.detected import detections_of
from edgeseg.entities.colours import exposure_gain
from edgeseg.entities.geometry import gaps, holds, inside
from edgeseg.entities.shades import fits_colour
from edgeseg.schemas import DetectedObject, Filter, SegmentedObject
from edgeseg.selection.boxes import iou
from edgeseg.selection.filters import ATTRIBUTES, apply_filters
from edgeseg.types import BoolArray, FloatArray, Image, IntArray

# Parts of a belonging's box that lie in its owner's box, at least.
_MIN_INSIDE = {"wearing": 0.6, "holding": 0.3, "with": 0.25}
# How much worse than its best owner another may be: a shirt in two boxes belongs to one person.
_OWNER_SLACK = 0.2
# Owners' boxes are made so much larger, in parts of their sides: bags hang and hats stand out.
_REACH = 0.1
# Two boxes with this IoU show one object, which does not stand to itself.
_SAME_IOU = 0.85
# The middle of a box, in parts of its sides, where its colour is read without a mask.
_MIDDLE = 0.7
# Where nothing is at most so far away, in parts of the larger object, nothing is "next to".
_FAR = 1.5


def has_attributes(filters: Sequence[Filter]) -> bool:
    """Say whether any filter reads pixels, masks or other objects."""
    return any(each.kind in ATTRIBUTES or has_attributes(each.filters) for each in filters)


def others(filters: Sequence[Filter]) -> list[str]:
    """Return what objects are compared with, each once: "table" of "cup on the table"."""
    named = {name.casefold(): name for each in _all(filters) if (name := each.other or "") and name}
    return list(named.values())


def subjects(filters: Sequence[Filter]) -> dict[str, str]:
    """Return what is detected in place of a phrase, by the phrase in lower case."""
    return {
        each.phrase.casefold(): each.subject
        for each in _all(filters)
        if each.kind == "relation" and each.phrase and each.subject
    }


def choose(
    objects: Sequence[DetectedObject], filters: Sequence[Filter], image: Image
) -> tuple[IntArray, list[str]]:
    """Return the positions of the objects that pass all filters, and what was left out and why.

    Colours are checked before relations, and both before positions and sizes: the leftmost blue
    cup is the leftmost of those that are blue.
    """
    checks = _Checks(objects, image)
    detections = detections_of(objects)
    rows = apply_filters(detections, _in_order(filters), image.size_hw, checks.passing)
    return rows, list(dict.fromkeys(checks.warnings))


def _all(filters: Sequence[Filter]) -> list[Filter]:
    return [one for each in filters for one in (each, *_all(each.filters))]


def _in_order(filters: Sequence[Filter]) -> list[Filter]:
    return sorted(map(_unfolded, filters), key=_place)


def _unfolded(one: Filter) -> Filter:
    """Return "leave out those that are red" as "keep those that are not"."""
    if one.kind == "exclude" and len(one.filters) == 1 and one.filters[0].kind in ATTRIBUTES:
        inner = one.filters[0]
        changes = {"negated": not inner.negated, "phrase": inner.phrase or one.phrase}
        return inner.model_copy(update=changes)
    return one.model_copy(update={"filters": _in_order(one.filters)})


def _place(one: Filter) -> int:
    """Return when a filter is applied; the nearest is that of those that pass all others."""
    if one.kind == "relation":
        return 2 if one.relation == "nearest_to" else 1
    return 0 if one.kind == "colour" else 3


@dataclass
class _Checks:
    """Colours and relations of the objects of one image."""

    objects: Sequence[DetectedObject]
    image: Image
    warnings: list[str] = field(default_factory=list)
    failed: set[int] = field(default_factory=set)

    def passing(self, one: Filter, concerned: IntArray) -> IntArray:
        """Return which of the objects, by position, pass a filter; note those that do not."""
        if not len(concerned):
            return concerned
        if one.kind == "relation" and not self._labelled(one.other or ""):
            if not one.negated:
                self.warnings.append(
                    f"No “{one.other}” was found, so {_name(one)} could not be checked."
                )
            return concerned
        held = (
            self._coloured(one, concerned) if one.kind == "colour" else self._stand(one, concerned)
        )
        kept: IntArray = concerned[held != one.negated]
        if len(kept) < len(concerned):
            self.failed |= set(concerned.tolist()) - set(kept.tolist())
            self.warnings.append(_left_out(one, len(concerned) - len(kept), len(concerned)))
        return kept

    @cached_property
    def gain(self) -> float:
        return exposure_gain(self.image.rgb)

    def _labelled(self, phrase: str) -> list[int]:
        label = phrase.casefold()
        return [i for i, each in enumerate(self.objects) if each.label.casefold() == label]

    def _coloured(self, one: Filter, concerned: IntArray) -> BoolArray:
        rgb, words = self.image.rgb, one.colour or ""
        fits = [fits_colour(rgb, self._pixels(row), words, self.gain) for row in concerned]
        return np.array(fits, np.bool_)

    def _pixels(self, row: int) -> BoolArray:
        """(H, W) mask of an object; without one, an ellipse in the middle of its box."""
        shown = self.objects[row]
        if isinstance(shown, SegmentedObject):
            return rle_to_mask(shown.mask)
        x0, y0, x1, y1 = shown.box
        height, width = self.image.size_hw
        x = (np.arange(width) + 0.5 - (x0 + x1) / 2) / max(1.0, _MIDDLE * (x1 - x0) / 2)
        y = (np.arange(height) + 0.5 - (y0 + y1) / 2) / max(1.0, _MIDDLE * (y1 - y0) / 2)
        ellipse: BoolArray = x[None, :] ** 2 + y[:, None] ** 2 <= 1
        return ellipse

    def _stand(self, one: Filter, concerned: IntArray) -> BoolArray:
        """Which objects stand to another as the relation says, (N,)."""
        places = [i for i in self._labelled(one.other or "") if i not in self.failed]
        if not places:
            return np.zeros(len(concerned), np.bool_)
        kind = one.relation
        if kind == "nearest_to":
            return self._nearest(concerned, places)
        if kind == "holding" or kind == "wearing" or kind == "with":
            return self._owners(kind, concerned, places)
        assert kind is not None
        same = self._same(concerned, places)
        return np.array(
            [
                any(
                    not same[i, j] and holds(self.objects[row], kind, self.objects[place])
                    for j, place in enumerate(places)
                )
                for i, row in enumerate(concerned)
            ],
            np.bool_,
        )

    def _same(self, concerned: IntArray, places: Sequence[int]) -> BoolArray:
        """Which pairs of boxes show one object, (N, M)."""
        boxes = detections_of(self.objects).boxes_xyxy
        same: BoolArray = iou(boxes[concerned], boxes[list(places)]) >= _SAME_IOU
        return same

    def _nearest(self, concerned: IntArray, places: Sequence[int]) -> BoolArray:
        """The one object whose gap to another is smallest, unless all are far away, (N,)."""
        same = self._same(concerned, places)
        keys = [
            min(
                (self._distance(row, place) for j, place in enumerate(places) if not same[i, j]),
                default=(np.inf, np.inf),
            )
            for i, row in enumerate(concerned)
        ]
        nearest = min(keys)
        return np.array([each == nearest and each[0] <= _FAR for each in keys], np.bool_)

    def _distance(self, row: int, place: int) -> tuple[float, float]:
        """Return the gap between two boxes and the distance of their centres.

        Both in parts of the larger object; of overlapping boxes the centres decide.
        """
        one, other = self.objects[row].box, self.objects[place].box
        size = max(_size(one), _size(other))
        centres = np.hypot(
            one[0] + one[2] - other[0] - other[2], one[1] + one[3] - other[1] - other[3]
        )
        return float(np.hypot(*gaps(one, other))) / size, float(centres) / 2 / size

    def _owners(self, kind: str, concerned: IntArray, places: Sequence[int]) -> BoolArray:
        """Which objects have a belonging, (N,): each belongs to those that hold most of it."""
        shares, owned = self._shares(concerned, places)
        is_best = owned >= owned.max(axis=0, keepdims=True) - _OWNER_SLACK
        has: BoolArray = (shares >= _MIN_INSIDE[kind]) & is_best
        if kind == "with":
            has |= self._carried(concerned, places)
        if kind != "wearing":
            has &= ~self._same(concerned, places)
        return np.asarray(has.any(axis=1), np.bool_)

    def _shares(self, concerned: IntArray, places: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """(N, M) parts of the belongings' boxes in the owners', and with those of masks added."""
        shares = np.zeros((len(concerned), len(places)), np.float32)
        masks = np.zeros_like(shares)
        for i, row in enumerate(concerned):
            owner = self.objects[row]
            x0, y0, x1, y1 = owner.box
            dx, dy = _REACH * (x1 - x0), _REACH * (y1 - y0)
            for j, place in enumerate(places):
                part = self.objects[place]
                shares[i, j] = inside(part.box, (x0 - dx, y0 - dy, x1 + dx, y1 + dy))
                if shares[i, j] and isinstance(owner, SegmentedObject) and place != row:
                    masks[i, j] = _shared(owner, part)
        return shares, shares + masks

    def _carried(self, concerned: IntArray, places: Sequence[int]) -> BoolArray:
        """Which objects have another on them, (N, M): a plate with food."""
        return np.array(
            [
                [holds(self.objects[place], "on", self.objects[row]) for place in places]
                for row in concerned
            ],
            np.bool_,
        )


def _shared(owner: SegmentedObject, part: DetectedObject) -> float:
    """Return the part of an object's mask that lies in another's."""
    if not isinstance(part, SegmentedObject):
        return 0.0
    area = rle_area(part.mask)
    return rle_overlap(owner.mask, part.mask) / area if area else 0.0


def _size(box: tuple[float, float, float, float]) -> float:
    return max(1.0, float(np.sqrt((box[2] - box[0]) * (box[3] - box[1]))))


def _name(one: Filter) -> str:
    return f"“{one.phrase}”" if one.phrase else "every object"


def _left_out(one: Filter, count: int, total: int) -> str:
    what = one.colour if one.kind == "colour" else f"{_words(one)} “{one.other}”"
    be = "is" if count == 1 else "are"
    nots = "" if one.negated else "not "
    return f"{count} of {total} objects named {_name(one)} {be} left out: {nots}{what}."


def _words(one: Filter) -> str:
    return (one.relation or "").replace("_", " ")
