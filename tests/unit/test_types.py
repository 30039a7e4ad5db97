"""Values are validated when they are made, and say what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeseg.types import Detections, Embedding, Image, MaskPrompt, Masks


def test_image_knows_its_size_and_content() -> None:
    rgb = np.zeros((4, 6, 3), np.uint8)
    image = Image.from_array(rgb)
    assert image.size_hw == (4, 6)
    assert image.sha256 == Image.from_array(rgb.copy()).sha256
    assert image.sha256 != Image.from_array(rgb.reshape(6, 4, 3)).sha256
    rgb[0, 0, 0] = 1
    assert image.sha256 != Image.from_array(rgb).sha256


@pytest.mark.parametrize(
    ("rgb", "message"),
    [
        (np.zeros((4, 6, 3)), "expected dtype uint8, got float64"),
        (np.zeros((4, 6), np.uint8), r"expected shape \(any, any, 3\), got \(4, 6\)"),
        (np.zeros((4, 6, 4), np.uint8), r"got \(4, 6, 4\)"),
        (np.zeros((0, 6, 3), np.uint8), "at least one pixel"),
        ([[1]], "expected a numpy array, got list"),
    ],
)
def test_image_refuses(rgb: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Image.from_array(rgb)


def test_detections_are_chosen_by_position_and_by_mask() -> None:
    boxes = np.arange(12, dtype=np.float32).reshape(3, 4)
    three = Detections(boxes, np.array([0.1, 0.2, 0.3], np.float32), ("a", "b", "c"))
    assert three.take([2, 0]).labels == ("c", "a")
    assert three.take(np.array([False, True, False])).boxes_xyxy.tolist() == [[4, 5, 6, 7]]
    assert len(three.take([])) == len(Detections.empty()) == 0


@pytest.mark.parametrize(
    ("boxes", "scores", "labels", "message"),
    [
        (np.zeros((2, 4), np.float32), np.zeros(1, np.float32), ("a", "b"), r"expected shape \(2"),
        (np.zeros((2, 4), np.float32), np.zeros(2, np.float32), ("a",), "expected 2 labels, got 1"),
        (np.zeros((2, 4), np.float32), np.zeros(2, np.float32), ["a", "b"], "expected a tuple"),
        (np.zeros((2, 4)), np.zeros(2, np.float32), ("a", "b"), "expected dtype float32"),
    ],
)
def test_detections_refuse(boxes: Any, scores: Any, labels: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Detections(boxes, scores, labels)


def test_masks_refuse_numbers_in_place_of_truth() -> None:
    with pytest.raises(TypeError, match="expected dtype bool"):
        Masks(np.zeros((1, 2, 2), np.uint8), np.zeros(1, np.float32))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "expected a box, a positive point or a previous mask"),
        (
            {"points_xy": np.zeros((1, 2), np.float32), "point_labels": np.zeros(1, np.int64)},
            "expected a box, a positive point",
        ),
        (
            {"points_xy": np.zeros((1, 2), np.float32), "point_labels": np.array([2])},
            "expected 0 or 1",
        ),
        ({"box_xyxy": (1.0, 2.0)}, "expected 4 numbers"),
        ({"previous": np.zeros((2, 2), np.uint8)}, "expected dtype bool"),
    ],
)
def test_mask_prompt_refuses(fields: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        MaskPrompt(**fields)


def test_embedding_counts_its_bytes() -> None:
    arrays = (np.zeros((2, 3), np.float32), np.zeros(5, np.uint8))
    assert Embedding("fake", (4, 6), arrays).nbytes == 2 * 3 * 4 + 5
