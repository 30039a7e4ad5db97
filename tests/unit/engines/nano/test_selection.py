"""How boxes of one phrase are chosen from what several looks see."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.engines.nano.selection import select
from edgeseg.types import FloatArray

PHOTO_PX = 100 * 100
LARGE = (10, 10, 60, 60)
INSIDE = (12, 12, 40, 40)
SMALL = (80, 80, 87, 87)
Cell = tuple[tuple[float, float, float, float], float, int]


def chosen(cells: list[Cell], threshold: float = 0.05) -> tuple[FloatArray, FloatArray]:
    boxes, scores, looks = zip(*cells, strict=True)
    score = np.array(scores, np.float32)
    logits = np.log(score / (1 - score)).astype(np.float32)
    return select(np.array(boxes, np.float32), logits, np.array(looks), PHOTO_PX, threshold)


def unseen(*looks: int) -> list[Cell]:
    """A cell elsewhere that says no, for each of these looks."""
    return [((90, 0, 99, 9), 0.001, look) for look in looks]


def test_what_two_looks_see_keeps_its_score() -> None:
    _, scores = chosen([(LARGE, 0.6, 0), (LARGE, 0.6, 1), *unseen(2)])
    assert scores == pytest.approx([0.6], abs=1e-4)


def test_what_is_large_and_seen_once_is_less_sure() -> None:
    _, scores = chosen([(LARGE, 0.6, 0), (LARGE, 0.1, 1), *unseen(2)])
    _, alone = chosen([(LARGE, 0.6, 0), *unseen(1, 2)])
    assert alone[0] < scores[0] < 0.6


def test_what_is_small_need_only_be_seen_once() -> None:
    _, scores = chosen([(SMALL, 0.6, 0), *unseen(1, 2)])
    assert scores == pytest.approx([0.6], abs=1e-4)


def looked_twice(*boxes: tuple[tuple[float, float, float, float], float]) -> list[Cell]:
    return [(box, score, look) for box, score in boxes for look in (0, 1)]


@pytest.mark.parametrize(("inner", "outer"), [(0.8, 0.5), (0.5, 0.8)])
def test_of_nested_boxes_the_less_sure_one_loses(inner: float, outer: float) -> None:
    _, scores = chosen(looked_twice((INSIDE, inner), (LARGE, outer)))
    assert scores[0] == pytest.approx(0.8, abs=1e-4)
    # A score of 0.5 is a logit of 0, from which NESTED is taken.
    assert scores[1] == pytest.approx(0.3775, abs=1e-3)


def test_boxes_side_by_side_leave_each_other_alone() -> None:
    _, scores = chosen(looked_twice((LARGE, 0.8), ((62, 10, 99, 60), 0.5)))
    assert scores == pytest.approx([0.8, 0.5], abs=1e-4)


def test_a_box_that_loses_too_much_is_not_shown() -> None:
    _, scores = chosen(looked_twice((LARGE, 0.8), (INSIDE, 0.4)), threshold=0.35)
    assert scores == pytest.approx([0.8], abs=1e-4)


def test_the_threshold_does_not_move_a_box() -> None:
    cells: list[Cell] = [(LARGE, 0.8, 0), ((10, 10, 60, 56), 0.3, 1)]
    low, _ = chosen(cells, threshold=0.05)
    high, _ = chosen(cells, threshold=0.5)
    assert low.tolist() == high.tolist() != [list(LARGE)]


def test_a_box_without_area_does_not_matter() -> None:
    boxes, scores = chosen([*looked_twice((LARGE, 0.8)), ((5, 5, 5, 9), 0.6, 0)])
    assert np.isfinite(boxes).all()
    assert np.isfinite(scores).all()
    assert scores[0] == pytest.approx(0.8, abs=1e-4)


def test_nothing_sure_enough_is_an_empty_list() -> None:
    boxes, scores = chosen([(LARGE, 0.2, 0)], threshold=0.35)
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)
