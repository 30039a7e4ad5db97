"""Metrics of masks: figures that can be checked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from edgeseg.evaluation.mask_metrics import (
    boundary,
    boundary_iou,
    clicks_needed,
    mask_iou,
    mean_iou,
    size_group,
)
from edgeseg.types import BoolArray


def _square(side: int, x0: int, y0: int, x1: int, y1: int) -> BoolArray:
    mask = np.zeros((side, side), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_iou_of_nothing_and_nothing_is_no_number_and_does_not_count() -> None:
    nothing, square = np.zeros((9, 9), bool), _square(9, 0, 0, 4, 4)
    assert math.isnan(mask_iou(nothing, nothing))
    assert mask_iou(nothing, square) == 0
    assert mask_iou(square, _square(9, 2, 0, 6, 4)) == pytest.approx(8 / 24)
    assert mean_iou([0.5, math.nan, 1.0]) == 0.75
    assert math.isnan(mean_iou([math.nan]))


def test_a_boundary_is_two_percent_of_the_diagonal_wide() -> None:
    # The diagonal of 100 by 100 is 141.4 pixels, so that boundaries are 3 wide.
    ring = boundary(_square(100, 20, 30, 60, 80))
    assert np.count_nonzero(ring) == 40 * 50 - 34 * 44
    assert not ring[33, 23]
    assert ring[32, 40]
    # In a small image it is still one pixel, and the image's edge counts.
    assert np.count_nonzero(boundary(np.ones((10, 10), bool))) == 36


def test_boundary_iou_is_that_of_eroded_masks() -> None:
    rng = np.random.default_rng(1)
    left, right = (ndimage.gaussian_filter(rng.normal(size=(90, 120)), 8) > 0 for _ in range(2))
    rings = [
        each & ~ndimage.binary_erosion(each, np.ones((3, 3)), iterations=3, border_value=0)
        for each in (left, right)
    ]
    assert boundary_iou(left, right) == pytest.approx(mask_iou(rings[0], rings[1]))
    assert math.isnan(boundary_iou(np.zeros((9, 9), bool), np.zeros((9, 9), bool)))
    assert boundary_iou(left, left) == 1


def test_number_of_clicks_counts_from_one_and_is_bounded() -> None:
    assert clicks_needed([0.9, 0.8], 0.85, 20) == 1
    assert clicks_needed([0.2, 0.85, 0.9], 0.85, 20) == 2
    assert clicks_needed([0.2, 0.3], 0.85, 20) == 20


def test_sizes_are_those_of_coco() -> None:
    assert [size_group(area) for area in (1, 1023, 1024, 9215, 9216)] == [
        "small",
        "small",
        "medium",
        "medium",
        "large",
    ]
