"""Filters over boxes: what "leftmost", "two largest", "on the left" and "except" choose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.schemas import Filter, FilterKind, Side
from edgeseg.selection.filters import apply_filters
from edgeseg.types import Detections

SIZE_HW = (100, 200)


def detections(*rows: tuple[str, float, float, float, float]) -> Detections:
    return Detections(
        np.array([row[1:] for row in rows], np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.5, len(rows), dtype=np.float32),
        tuple(row[0] for row in rows),
    )


# Three people from left to right, the middle one largest and nearest, and a dog at the right.
GROUP = detections(
    ("person", 150, 20, 170, 60),
    ("person", 80, 10, 130, 95),
    ("person", 10, 30, 30, 80),
    ("dog", 170, 70, 195, 90),
)


def kept(*filters: Filter, found: Detections = GROUP) -> list[int]:
    """Positions in ``found`` of the boxes that pass."""
    return [int(row) for row in apply_filters(found, filters, SIZE_HW)]


def test_without_filters_all_boxes_pass() -> None:
    assert kept() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("leftmost", [2]),
        ("rightmost", [3]),
        ("topmost", [0]),
        ("bottommost", [3]),
        ("largest", [1]),
        ("smallest", [3]),
        ("front", [1]),
        ("back", [0]),
        ("center", [1]),
    ],
)
def test_each_kind_chooses_one_box(kind: FilterKind, expected: list[int]) -> None:
    assert kept(Filter(kind=kind)) == expected


def test_a_phrase_leaves_other_labels_alone() -> None:
    assert kept(Filter(kind="leftmost", phrase="person")) == [2, 3]
    assert kept(Filter(kind="leftmost", phrase="Person")) == [2, 3]
    assert kept(Filter(kind="leftmost", phrase="cat")) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("rank", "count", "expected"), [(2, 1, [1]), (1, 2, [1, 2]), (2, 2, [0, 1]), (9, 1, [])]
)
def test_rank_and_count(rank: int, count: int, expected: list[int]) -> None:
    people = GROUP.take([0, 1, 2])
    assert kept(Filter(kind="leftmost", rank=rank, count=count), found=people) == expected


@pytest.mark.parametrize(
    ("side", "expected"),
    [("left", [2]), ("right", [0, 1, 3]), ("top", [0]), ("bottom", [1, 2, 3]), ("center", [1])],
)
def test_sides_are_halves_of_the_image(side: Side, expected: list[int]) -> None:
    assert kept(Filter(kind="side", side=side)) == expected


def test_of_boxes_cut_off_below_the_larger_is_in_front() -> None:
    found = detections(("dog", 0, 50, 20, 100), ("dog", 40, 20, 120, 99))
    assert kept(Filter(kind="front"), found=found) == [1]
    assert kept(Filter(kind="back"), found=found) == [0]


def test_filters_apply_one_after_the_other() -> None:
    assert kept(Filter(kind="side", side="right"), Filter(kind="smallest")) == [3]
    assert kept(Filter(kind="smallest"), Filter(kind="side", side="left")) == []


def test_exclude_drops_a_label_or_what_its_filters_choose() -> None:
    assert kept(Filter(kind="exclude", phrase="dog")) == [0, 1, 2]
    leftmost = Filter(kind="leftmost", phrase="person")
    assert kept(Filter(kind="exclude", phrase="person", filters=[leftmost])) == [0, 1, 3]
    two = [Filter(kind="side", side="right"), Filter(kind="largest")]
    assert kept(Filter(kind="exclude", filters=two)) == [0, 2, 3]


def test_no_boxes_stay_no_boxes() -> None:
    none = Detections.empty()
    every = [Filter(kind="largest"), Filter(kind="side", side="left"), Filter(kind="exclude")]
    assert len(apply_filters(none, every, SIZE_HW)) == 0


BOX = st.tuples(st.integers(0, 150), st.integers(0, 80), st.integers(1, 50), st.integers(1, 20))
KINDS = st.sampled_from(["leftmost", "rightmost", "largest", "smallest", "front", "center"])


@settings(max_examples=50, deadline=None)
@given(st.lists(BOX, max_size=8), KINDS, st.integers(1, 4), st.integers(1, 4))
def test_a_ranking_and_its_exclusion_share_the_boxes_out(
    corners: list[tuple[int, int, int, int]], kind: FilterKind, rank: int, count: int
) -> None:
    found = detections(*(("a", x, y, x + w, y + h) for x, y, w, h in corners))
    ranking = Filter(kind=kind, rank=rank, count=count)
    chosen = apply_filters(found, [ranking], SIZE_HW)
    others = apply_filters(found, [Filter(kind="exclude", filters=[ranking])], SIZE_HW)
    assert len(chosen) == max(0, min(count, len(found) - rank + 1))
    assert sorted([*chosen.tolist(), *others.tolist()]) == list(range(len(found)))
