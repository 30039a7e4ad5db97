"""Box selection for one phrase across detector scales."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.engines.nano.selection import select
from edgeseg.types import FloatArray

IMAGE_PX = 100 * 100
LARGE = (10, 10, 60, 60)
INSIDE = (12, 12, 40, 40)
SMALL = (80, 80, 87, 87)
Cell = tuple[tuple[float, float, float, float], float, int]


def selected(cells: list[Cell], threshold: float = 0.05) -> tuple[FloatArray, FloatArray]:
    boxes, scores, scales = zip(*cells, strict=True)
    score = np.array(scores, np.float32)
    logits = np.log(score / (1 - score)).astype(np.float32)
    return select(np.array(boxes, np.float32), logits, np.array(scales), IMAGE_PX, threshold)


def background(*scales: int) -> list[Cell]:
    """A background cell elsewhere, at each of these scales."""
    return [((90, 0, 99, 9), 0.001, scale) for scale in scales]


def test_an_object_at_two_scales_keeps_its_score() -> None:
    _, scores = selected([(LARGE, 0.6, 0), (LARGE, 0.6, 1), *background(2)])
    assert scores == pytest.approx([0.6], abs=1e-4)


def test_a_large_object_at_one_scale_loses_confidence() -> None:
    _, scores = selected([(LARGE, 0.6, 0), (LARGE, 0.1, 1), *background(2)])
    _, alone = selected([(LARGE, 0.6, 0), *background(1, 2)])
    assert alone[0] < scores[0] < 0.6


def test_the_worked_example_of_the_module() -> None:
    _, scores = selected([(LARGE, 0.6, 0), (LARGE, 0.1, 1), *background(2)])
    assert scores == pytest.approx([0.29], abs=0.005)


def test_a_small_object_needs_one_scale_only() -> None:
    _, scores = selected([(SMALL, 0.6, 0), *background(1, 2)])
    assert scores == pytest.approx([0.6], abs=1e-4)


def at_two_scales(*boxes: tuple[tuple[float, float, float, float], float]) -> list[Cell]:
    return [(box, score, scale) for box, score in boxes for scale in (0, 1)]


@pytest.mark.parametrize(("inner", "outer"), [(0.8, 0.5), (0.5, 0.8)])
def test_of_nested_boxes_the_lower_scoring_one_loses(inner: float, outer: float) -> None:
    _, scores = selected(at_two_scales((INSIDE, inner), (LARGE, outer)))
    assert scores[0] == pytest.approx(0.8, abs=1e-4)
    # A score of 0.5 is a logit of 0, from which NESTED_PENALTY is taken.
    assert scores[1] == pytest.approx(0.3775, abs=1e-3)


def test_boxes_side_by_side_leave_each_other_alone() -> None:
    _, scores = selected(at_two_scales((LARGE, 0.8), ((62, 10, 99, 60), 0.5)))
    assert scores == pytest.approx([0.8, 0.5], abs=1e-4)


def test_a_box_below_the_threshold_after_penalties_is_dropped() -> None:
    _, scores = selected(at_two_scales((LARGE, 0.8), (INSIDE, 0.4)), threshold=0.35)
    assert scores == pytest.approx([0.8], abs=1e-4)


def test_the_threshold_does_not_move_a_box() -> None:
    cells: list[Cell] = [(LARGE, 0.8, 0), ((10, 10, 60, 56), 0.3, 1)]
    low, _ = selected(cells, threshold=0.05)
    high, _ = selected(cells, threshold=0.5)
    assert low.tolist() == high.tolist() != [list(LARGE)]


def test_a_box_without_area_does_not_matter() -> None:
    boxes, scores = selected([*at_two_scales((LARGE, 0.8)), ((5, 5, 5, 9), 0.6, 0)])
    assert np.isfinite(boxes).all()
    assert np.isfinite(scores).all()
    assert scores[0] == pytest.approx(0.8, abs=1e-4)


def test_no_score_above_the_threshold_is_an_empty_result() -> None:
    boxes, scores = selected([(LARGE, 0.2, 0)], threshold=0.35)
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)
