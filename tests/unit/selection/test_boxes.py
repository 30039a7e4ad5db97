"""What is done with boxes before they become masks."""

from __future__ import annotations

import numpy as np

from edgeseg.selection import boxes
from edgeseg.types import Detections

Row = tuple[tuple[float, float, float, float], float, str]


def detections(*rows: Row) -> Detections:
    return Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        tuple(row[2] for row in rows),
    )


def test_iou_of_known_boxes() -> None:
    left = np.array([[0, 0, 10, 10]], np.float32)
    right = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], np.float32)
    assert np.allclose(boxes.iou(left, right), [[1, 1 / 3, 0]])
    assert boxes.iou(np.zeros((0, 4), np.float32), right).shape == (0, 3)


def test_boxes_end_at_the_edges_and_those_outside_go() -> None:
    found = detections(((-5, -5, 5, 5), 0.9, "a"), ((200, 0, 210, 9), 0.8, "b"))
    cut = boxes.cut(found, (50, 100))
    kept = cut.take(boxes.inside(cut))
    assert kept.boxes_xyxy.tolist() == [[0, 0, 5, 5]]
    assert kept.labels == ("a",)


def test_thresholds_of_a_phrase_go_before_the_common_one() -> None:
    found = detections(((0, 0, 9, 9), 0.4, "Cat"), ((9, 9, 19, 19), 0.4, "dog"))
    assert found.take(boxes.above_thresholds(found, 0.35, {"cat": 0.5})).labels == ("dog",)
    assert found.take(boxes.above_thresholds(found, 0.45, {"dog": 0.3})).labels == ("dog",)
    assert found.take(boxes.above_thresholds(found, 0.4, {})).labels == ("Cat", "dog")


def test_what_a_negative_phrase_fits_better_goes() -> None:
    found = detections(
        ((0, 0, 10, 10), 0.5, "cat"),
        ((1, 0, 10, 10), 0.6, "toy"),
        ((30, 0, 40, 10), 0.5, "cat"),
        ((31, 0, 40, 10), 0.4, "toy"),
    )
    kept = found.take(boxes.without_negatives(found, {"toy"}))
    assert kept.labels == ("cat",)
    assert kept.boxes_xyxy[0, 0] == 30


def test_repeated_boxes_go_and_the_highest_scoring_stays() -> None:
    found = detections(
        ((0, 0, 10, 10), 0.5, "cat"),
        ((0, 0, 10, 11), 0.9, "cat"),
        ((0, 0, 10, 10.5), 0.7, "dog"),
        ((0, 0, 10, 7), 0.6, "hat"),
        ((50, 50, 60, 60), 0.4, "cat"),
    )
    kept = found.take(boxes.suppress(found))
    assert kept.labels == ("cat", "hat", "cat")
    assert np.allclose(kept.scores, [0.9, 0.6, 0.4])


def test_one_thing_under_two_names_is_found_once() -> None:
    found = detections(
        ((0, 0, 10, 10), 0.6, "Cup"),
        ((0, 0, 10, 15), 0.5, "mug"),
        ((0, 0, 10, 20), 0.4, "saucer"),
        ((0, 12, 10, 22), 0.4, "mug"),
    )
    assert found.take(boxes.suppress(found)).labels == ("Cup", "mug", "saucer", "mug")
    assert found.take(boxes.suppress(found, ["cup", "mug"])).labels == ("Cup", "saucer", "mug")


def test_a_box_round_a_group_goes() -> None:
    group = ((0, 0, 100, 50), 0.6, "person")
    members = [((x, 0, x + 32, 50), 0.5, "person") for x in (0.0, 34.0, 68.0)]
    assert len(boxes.without_groups(detections(group, *members))) == 3


def test_a_large_thing_with_small_ones_in_it_stays() -> None:
    large = ((0, 0, 100, 100), 0.6, "dog")
    puppies = [((x, 80, x + 20, 100), 0.5, "dog") for x in (0.0, 40.0)]
    assert len(boxes.without_groups(detections(large, *puppies))) == 3


def test_other_phrases_and_unsure_parts_make_no_group() -> None:
    whole = ((0, 0, 100, 50), 0.9, "car")
    wheels = [((x, 0, x + 48, 50), 0.8, "wheel") for x in (0.0, 50.0)]
    halves = [((x, 0, x + 48, 50), 0.36, "car") for x in (0.0, 50.0)]
    assert len(boxes.without_groups(detections(whole, *wheels))) == 3
    assert len(boxes.without_groups(detections(whole, *halves))) == 3


def test_nothing_in_nothing_out() -> None:
    none = Detections.empty()
    for kept in (
        none.take(boxes.suppress(none)),
        none.take(boxes.without_groups(none)),
        none.take(boxes.without_negatives(none, {"a"})),
        none.take(boxes.above_thresholds(none, 0.5, {})),
        none.take(boxes.inside(none)),
    ):
        assert len(kept) == 0
