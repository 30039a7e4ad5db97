"""Simulated clicks: places that can be checked by hand, and against scipy's distance transform."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from edgeseg.evaluation.clicks import (
    Click,
    as_points,
    centre_click,
    deepest_pixel,
    largest_error_click,
    random_click,
    random_error_click,
)
from edgeseg.types import BoolArray


def _mask(height: int, width: int, *boxes: tuple[int, int, int, int]) -> BoolArray:
    mask = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize("seed", range(8))
def test_the_deepest_pixel_is_the_argmax_of_the_exact_distance_transform(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(60 + seed, 90 - 7 * seed)), 1 + seed)
    mask = np.asarray(noise > np.quantile(noise, 0.4), bool)
    distances = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    depth, (x, y) = deepest_pixel(mask)
    assert depth == pytest.approx(distances.max())
    assert y * mask.shape[1] + x == np.argmax(distances)


def test_a_ring_is_clicked_on_its_band_and_not_in_its_hole() -> None:
    rows, columns = np.mgrid[:101, :101] - 50
    radius = np.hypot(rows, columns)
    click = centre_click((radius < 45) & (radius > 20))
    assert np.hypot(click.x - 50.5, click.y - 50.5) == pytest.approx(32.5, abs=1.5)


def test_the_edge_of_the_image_is_an_edge_of_the_object() -> None:
    assert centre_click(np.ones((21, 41), bool))[:2] == (10.5, 10.5)
    assert centre_click(np.ones((21, 21), bool)) == Click(10.5, 10.5, 1)


def test_an_empty_mask_has_no_depth() -> None:
    assert deepest_pixel(np.zeros((5, 5), bool))[0] == 0


def test_random_clicks_are_seeded_and_inside() -> None:
    mask = _mask(50, 60, (10, 20, 14, 23))
    clicks = [random_click(mask, np.random.default_rng(seed)) for seed in range(60)]
    assert clicks[3] == random_click(mask, np.random.default_rng(3))
    assert {(each.x, each.y) for each in clicks} > {(10.5, 20.5), (13.5, 22.5)}
    assert all(mask[int(each.y), int(each.x)] and each.label == 1 for each in clicks)


def test_errors_are_clicked_with_the_label_that_corrects_them() -> None:
    truth, mask = _mask(40, 40, (0, 0, 20, 40)), _mask(40, 40, (10, 0, 30, 40))
    clicks = [random_error_click(truth, mask, np.random.default_rng(s)) for s in range(40)]
    for click in clicks:
        assert click is not None
        assert click.label == (1 if click.x < 10 else 0)
        assert click.x < 10 or 20 <= click.x < 30
    assert {click.label for click in clicks if click} == {0, 1}
    assert random_error_click(truth, truth, np.random.default_rng(0)) is None


def test_errors_are_drawn_on_a_grid_of_256_cells() -> None:
    truth = _mask(1024, 512, (0, 0, 512, 1024))
    assert random_error_click(truth, ~truth, np.random.default_rng(0)) is not None
    every = [random_error_click(truth, ~truth, np.random.default_rng(s)) for s in range(20)]
    assert {(each.x % 4, each.y % 4) for each in every if each} == {(2.5, 2.5)}
    between = truth.copy()
    between[8, 8] = False
    assert random_error_click(truth, between, np.random.default_rng(0)) is None
    found = random_error_click(truth, between, np.random.default_rng(0), grid_px=None)
    assert found == Click(8.5, 8.5, 1)


def test_noc_clicks_the_centre_of_the_largest_error() -> None:
    truth = _mask(60, 60, (0, 0, 20, 60))
    wide, narrow = (30, 10, 41, 21), (50, 0, 53, 60)
    mask = truth | _mask(60, 60, wide, narrow)
    assert largest_error_click(truth, mask) == Click(35.5, 15.5, 0)
    # Never the same pixel again, and what is missed counts as what is spurious.
    again = largest_error_click(truth, mask, [Click(35.5, 15.5, 0)])
    assert again is not None
    assert again[:2] != (35.5, 15.5)
    assert largest_error_click(truth, np.zeros_like(truth)) == Click(9.5, 9.5, 1)
    assert largest_error_click(truth, truth) is None


def test_clicks_become_points_of_a_prompt() -> None:
    places, labels = as_points([Click(1.5, 2.5, 1), Click(3.5, 4.5, 0)])
    assert places.tolist() == [[1.5, 2.5], [3.5, 4.5]]
    assert labels.tolist() == [1, 0]
    assert as_points([])[0].shape == (0, 2)
