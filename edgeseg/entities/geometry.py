"""Whether two objects stand to each other as a relation says, by their boxes and masks.

A photo has no depth, so "in front of" and "behind" are read from what covers what: what stands in
front reaches lower in the image. The other relations are what their words say of the image plane.
An object without a mask is taken to fill its box.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeseg.codecs import rle_to_mask
from edgeseg.schemas import DetectedObject, RelationKind, SegmentedObject
from edgeseg.types import BoolArray, Box

# Distances are in parts of the smaller of two objects.
_NEAR = 1.0
_MIN_INSIDE = 0.6
_MIN_ACROSS = 0.3


def holds(subject: DetectedObject, kind: RelationKind, other: DetectedObject) -> bool:
    """Say whether the subject stands to the other object as the relation says."""
    return _CHECKS[kind](subject, other)


def _on(subject: DetectedObject, other: DetectedObject) -> bool:
    """Its lower edge lies on the other object, which is seen there, and it is not lower.

      +----+
      | cup|            the foot of the cup lies within the table, its centre not below
    +-+----+-----+      the centre of the table; or the cup lies within the table's box, as on
    |   table    |      one seen from above. A ball between a table's legs touches no table.
    """
    _, top, _, bottom = subject.box
    _, other_top, _, other_bottom = other.box
    height = other_bottom - other_top
    slack = 0.25 * min(bottom - top, height)
    stands = other_top - slack <= bottom <= other_bottom + slack
    is_higher = _centre(subject.box)[1] < _centre(other.box)[1] + 0.1 * height
    is_inside = inside(subject.box, other.box) >= 0.9
    is_placed = _across(subject.box, other.box) >= _MIN_ACROSS and stands
    return is_placed and (is_higher or is_inside) and _touches(subject, other)


def _in(subject: DetectedObject, other: DetectedObject) -> bool:
    return inside(subject.box, other.box) >= _MIN_INSIDE


def _next_to(subject: DetectedObject, other: DetectedObject) -> bool:
    """Side by side: not apart by more than the smaller is large, and neither inside the other."""
    covered = max(inside(subject.box, other.box), inside(other.box, subject.box))
    size = min(_size(subject.box), _size(other.box))
    gap_x, gap_y = gaps(subject.box, other.box)
    return covered < 0.8 and gap_x <= _NEAR * size and gap_y <= 0.3 * size


def _in_front_of(subject: DetectedObject, other: DetectedObject) -> bool:
    """It reaches lower in the image, and is near enough to stand before it."""
    size = max(_size(subject.box), _size(other.box))
    gap_x, gap_y = gaps(subject.box, other.box)
    slack = 0.05 * (other.box[3] - other.box[1])
    return gap_x <= 0.5 * size and gap_y <= size and subject.box[3] >= other.box[3] - slack


def _under(subject: DetectedObject, other: DetectedObject) -> bool:
    is_lower = _centre(subject.box)[1] > _centre(other.box)[1]
    return is_lower and _across(subject.box, other.box) >= _MIN_ACROSS


def _left_of(subject: DetectedObject, other: DetectedObject) -> bool:
    """Its centre is further left, by masks: boxes of long things may share theirs."""
    return _mean_x(subject) < _mean_x(other) - 0.1 * min(_width(subject.box), _width(other.box))


_CHECKS: dict[RelationKind, Callable[[DetectedObject, DetectedObject], bool]] = {
    "on": _on,
    "in": _in,
    "next_to": _next_to,
    "in_front_of": _in_front_of,
    "behind": lambda subject, other: _in_front_of(other, subject),
    "under": _under,
    "above": lambda subject, other: _under(other, subject),
    "left_of": _left_of,
    "right_of": lambda subject, other: _left_of(other, subject),
}


def _touches(subject: DetectedObject, other: DetectedObject) -> bool:
    """Say whether the other object is seen beside or below the lower half of the subject."""
    x0, y0, x1, y1 = subject.box
    slack_x, slack_y = 0.15 * (x1 - x0), 0.25 * min(y1 - y0, other.box[3] - other.box[1])
    left, top = int(max(0, x0 - slack_x)), int((y0 + y1) / 2)
    if not isinstance(other, SegmentedObject):
        return True
    return bool(
        rle_to_mask(other.mask)[top : int(y1 + slack_y) + 1, left : int(x1 + slack_x) + 1].any()
    )


def _mean_x(shown: DetectedObject) -> float:
    if not isinstance(shown, SegmentedObject):
        return _centre(shown.box)[0]
    mask: BoolArray = rle_to_mask(shown.mask)
    columns = mask.sum(axis=0)
    if not columns.any():
        return _centre(shown.box)[0]
    return float((columns * np.arange(len(columns))).sum() / columns.sum())


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _width(box: Box) -> float:
    return box[2] - box[0]


def _size(box: Box) -> float:
    return float(np.sqrt(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])))


def gaps(one: Box, two: Box) -> tuple[float, float]:
    """Return the pixels between two boxes, across and up; none where they overlap."""
    return max(0.0, one[0] - two[2], two[0] - one[2]), max(0.0, one[1] - two[3], two[1] - one[3])


def inside(one: Box, two: Box) -> float:
    """Return the part of a box that lies inside another."""
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    area = (one[2] - one[0]) * (one[3] - one[1])
    return max(0.0, width) * max(0.0, height) / area if area > 0 else 0.0


def _across(one: Box, two: Box) -> float:
    """Return how far two boxes overlap across, in parts of the narrower."""
    overlap = min(one[2], two[2]) - max(one[0], two[0])
    return max(0.0, overlap) / max(1e-6, min(_width(one), _width(two)))
