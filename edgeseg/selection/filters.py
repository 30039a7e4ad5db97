"""Filters over boxes: what words like "leftmost" or "the two largest dogs" choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from edgeseg.schemas import Filter
from edgeseg.types import Detections, FloatArray, IntArray

Keys = tuple[npt.NDArray[np.float64], ...]
Check = Callable[[Filter, IntArray], IntArray]
"""Returns which of the boxes that a filter concerns, by their positions, pass it."""

ATTRIBUTES = ("colour", "relation")
"""Kinds of filters that read pixels, masks or other objects."""

# Boxes that end this near the lower edge of the image, as a share of its height, count as equally
# far in front: an image cuts off what stands nearest.
CUT_OFF = 0.02


def apply_filters(
    detections: Detections,
    filters: Sequence[Filter],
    size_hw: tuple[int, int],
    check: Check | None = None,
) -> IntArray:
    """Return the positions of the boxes that pass every filter, in their order.

    Filters are applied one after the other. A filter with a phrase concerns only the boxes with
    that label (in any case of letters); the others pass. Places are those of box centres in an
    image of ``size_hw`` (height, width) pixels. ``front`` is the box whose lower edge is lowest,
    the larger one first among those cut off by the image; ``back`` is the reverse. Colours and
    relations are left to ``check``; without it every box passes them. Three cups in an image of
    100 x 100 pixels, in rows 0, 1 and 2:

              +------------+
        +---+ |     1      |    by their centres 0 is leftmost, then 1, then 2
        | 0 | |        +---+
        |   | |        | 2 |
        +---+ +--------+---+

        >>> boxes = np.array([[0, 20, 20, 60], [30, 10, 90, 60], [70, 40, 90, 60]], np.float32)
        >>> cups = Detections(boxes, np.array([0.9, 0.8, 0.7], np.float32), ("cup",) * 3)
        >>> def rows(*filters: Filter) -> list[int]:
        ...     return apply_filters(cups, filters, (100, 100)).tolist()
        >>> rows(Filter(kind="leftmost", rank=2))  # the second from the left
        [1]
        >>> rows(Filter(kind="largest", count=2))
        [0, 1]
        >>> rows(Filter(kind="side", side="right"), Filter(kind="smallest"))  # of 1 and 2
        [2]
        >>> rows(Filter(kind="exclude", filters=[Filter(kind="leftmost")]))
        [1, 2]
    """
    rows = np.arange(len(detections), dtype=np.int64)
    for one in filters:
        rows = _apply(detections, rows, one, size_hw, check)
    return rows


def _apply(
    detections: Detections,
    rows: IntArray,
    one: Filter,
    size_hw: tuple[int, int],
    check: Check | None,
) -> IntArray:
    """Positions among ``rows`` that pass one filter."""
    concerned = _labelled(detections, rows, one.phrase)
    if one.kind == "exclude":
        chosen = concerned
        for inner in one.filters:
            scope = _labelled(detections, chosen, inner.phrase)
            chosen = _apply(detections, scope, inner, size_hw, check)
        return rows[~np.isin(rows, chosen)]
    if one.kind in ATTRIBUTES:
        passing = concerned if check is None else check(one, concerned)
    else:
        passing = concerned[_choose(detections.boxes_xyxy[concerned], one, size_hw)]
    return np.sort(np.concatenate([rows[~np.isin(rows, concerned)], passing]))


def _labelled(detections: Detections, rows: IntArray, phrase: str | None) -> IntArray:
    if phrase is None:
        return rows
    label = phrase.casefold()
    return np.array([i for i in rows if detections.labels[i].casefold() == label], np.int64)


def _choose(boxes_xyxy: FloatArray, one: Filter, size_hw: tuple[int, int]) -> IntArray:
    """Positions of the boxes (N, 4) that a ranking or a side chooses."""
    if one.kind == "side":
        return np.flatnonzero(_on_side(boxes_xyxy, one.side, size_hw)).astype(np.int64)
    order = np.lexsort(_ranking(boxes_xyxy, one.kind, size_hw)[::-1])
    return order[one.rank - 1 : one.rank - 1 + one.count].astype(np.int64)


def _ranking(boxes_xyxy: FloatArray, kind: str, size_hw: tuple[int, int]) -> Keys:
    """Keys (N,) each, the first one deciding, the smallest first."""
    height, width = size_hw
    x0, y0, x1, y1 = boxes_xyxy.astype(np.float64).T
    x, y, area = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) * (y1 - y0)
    lower_edge = np.minimum(y1, height * (1 - CUT_OFF))
    keys: dict[str, Keys] = {
        "leftmost": (x, x0),
        "rightmost": (-x, -x1),
        "topmost": (y, y0),
        "bottommost": (-y, -y1),
        "largest": (-area,),
        "smallest": (area,),
        "front": (-lower_edge, -area),
        "back": (lower_edge, area),
        "center": (np.hypot(x / width - 0.5, y / height - 0.5),),
    }
    return keys[kind]


def _on_side(
    boxes_xyxy: FloatArray, side: str | None, size_hw: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Which boxes have their centre in a half of the image, or in the middle half both ways."""
    height, width = size_hw
    x0, y0, x1, y1 = boxes_xyxy.astype(np.float64).T
    x, y = (x0 + x1) / 2 / width, (y0 + y1) / 2 / height
    sides: dict[str | None, npt.NDArray[np.bool_]] = {
        "left": x <= 0.5,
        "right": x >= 0.5,
        "top": y <= 0.5,
        "bottom": y >= 0.5,
        "center": (np.abs(x - 0.5) <= 0.25) & (np.abs(y - 0.5) <= 0.25),
    }
    return sides.get(side, np.ones(len(x), np.bool_))
