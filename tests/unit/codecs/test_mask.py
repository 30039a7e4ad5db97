"""Masks go through run lengths and PNG unchanged."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.codecs import (
    label_map,
    mask_to_png,
    mask_to_rle,
    masks_to_rles,
    png_to_mask,
    rle_area,
    rle_box,
    rle_overlap,
    rle_to_mask,
    rle_to_small_mask,
    union_of,
    window_to_rle,
)
from edgeseg.errors import InvalidImageError, InvalidParameterError
from edgeseg.schemas import Rle, parse
from edgeseg.schemas.run_lengths import decode_counts, encode_counts
from edgeseg.types import BoolArray

RANDOM = np.random.default_rng(7)


def rectangle(y0: int, y1: int, x0: int, x1: int) -> BoolArray:
    mask = np.zeros((20, 30), bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((5, 7), bool),
        np.ones((5, 7), bool),
        np.ones((1, 1), bool),
        rectangle(3, 9, 4, 25),
        RANDOM.random((37, 53)) > 0.5,
    ],
)
def test_round_trips(mask: BoolArray) -> None:
    rle = mask_to_rle(mask)
    assert rle.size == mask.shape
    assert np.array_equal(rle_to_mask(rle), mask)
    assert rle_area(rle) == mask.sum()
    assert np.array_equal(png_to_mask(mask_to_png(mask)), mask)


def test_a_small_mask_is_every_so_many_rows_and_columns() -> None:
    for height, width, share in [
        (9, 14, 0.5),
        (14, 9, 0.1),
        (1, 7, 0.9),
        (7, 1, 0),
        (5, 5, 1),
    ] * 20:
        mask = RANDOM.random((height, width)) < share
        for every in (1, 2, 3, 10):
            small = rle_to_small_mask(mask_to_rle(mask), every)
            assert np.array_equal(small, mask[::every, ::every])


def test_boxes_are_tight_and_end_after_the_last_pixel() -> None:
    assert rle_box(mask_to_rle(rectangle(3, 9, 4, 25))) == (4, 3, 25, 9)
    assert rle_box(mask_to_rle(np.zeros((5, 7), bool))) is None


def test_union_and_label_map() -> None:
    left, right = rectangle(0, 10, 0, 10), rectangle(5, 15, 5, 15)
    rles = masks_to_rles(np.stack([left, right]))
    assert np.array_equal(union_of(rles, (20, 30)), left | right)
    labels = label_map(rles, (20, 30))
    assert (labels[7, 7], labels[12, 12], labels[19, 29]) == (1, 2, 0)
    assert not union_of([], (4, 5)).any()


def test_a_union_of_other_sizes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected size \(4, 5\)"):
        union_of([mask_to_rle(rectangle(0, 1, 0, 1))], (4, 5))


@pytest.mark.parametrize(
    ("size", "counts", "reason"),
    [
        ((10, 30), None, "add up to 10 x 30 = 300 pixels, got 600"),
        ((2**40, 2), "01", "height and a width"),
        ((-20, -30), None, "height and a width"),
        ((0, 30), "", "height and a width"),
        ((1, 1), "é", "characters from 0 to o"),
        ((1, 1), "1\0", "characters from 0 to o"),
        ((1, 1), "P", "cut off"),
        ((1, 1), "PPPPPPPP1", "too many digits"),
        ((1, 1), "2O", "not negative"),
        ((1, 1), "", "add up"),
    ],
)
def test_a_mask_that_is_none_is_refused_before_it_is_decoded(
    size: tuple[int, int], counts: str | None, reason: str
) -> None:
    whole = mask_to_rle(rectangle(3, 9, 4, 25)).counts
    with pytest.raises(InvalidParameterError, match=reason):
        parse(Rle, {"size": size, "counts": whole if counts is None else counts})


def test_empty_runs_are_joined() -> None:
    """pycocotools merges masks that have some wrongly."""
    runs = np.array([2, 0, 3, 4, 0, 0, 0, 3])
    rle = Rle(size=(3, 4), counts=encode_counts(runs))
    assert decode_counts(rle.counts, rle.size).tolist() == [5, 7]
    assert union_of([rle, rle], (3, 4)).sum() == 7
    first = Rle(size=(3, 4), counts=encode_counts(np.array([0, 3, 0, 9, 0])))
    assert decode_counts(first.counts, first.size).tolist() == [0, 12]


def test_a_mask_file_that_is_none() -> None:
    with pytest.raises(InvalidImageError):
        png_to_mask(b"GIF89a")


@pytest.mark.parametrize("corner_xy", [(0, 0), (5, 3), (13, 7), (13, 0), (0, 7)])
def test_a_window_is_encoded_as_the_mask_that_it_is_part_of(corner_xy: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    for window in (rng.random((4, 6)) > 0.5, np.ones((4, 6), bool), np.zeros((4, 6), bool)):
        x, y = corner_xy
        full = np.zeros((11, 19), bool)
        full[y : y + 4, x : x + 6] = window
        assert window_to_rle(window, corner_xy, (11, 19)) == mask_to_rle(full)


def test_what_two_masks_share_is_counted() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.random((2, 23, 31)) < 0.4
    assert rle_overlap(mask_to_rle(one), mask_to_rle(other)) == (one & other).sum()
    assert rle_overlap(mask_to_rle(one), mask_to_rle(~one)) == 0
