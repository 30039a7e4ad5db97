"""Simulated clicks: where a person would click on an object, and on what a mask has wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from edgeseg.evaluation.mask_metrics import bounding_window
from edgeseg.types import BoolArray, FloatArray, IntArray

GRID_PX = 256
"""Longer side of the grid that corrective clicks are drawn on, as in EdgeSAM's evaluation."""
# Pixels whose exact distance is computed together.
_CHUNK = 256


class Click(NamedTuple):
    """A place in pixels of the image, the centre of a pixel; ``label`` 1 is inside, 0 outside."""

    x: float
    y: float
    label: int


def centre_click(mask: BoolArray) -> Click:
    """Click the pixel of an (H, W) mask that is farthest from its edge; see `deepest_pixel`."""
    return _click(deepest_pixel(mask)[1], 1)


def random_click(mask: BoolArray, rng: np.random.Generator) -> Click:
    """Click a pixel of an (H, W) mask, each as likely as any other."""
    return _click(_draw(mask, rng), 1)


def random_error_click(
    truth: BoolArray, mask: BoolArray, rng: np.random.Generator, grid_px: int | None = GRID_PX
) -> Click | None:
    """Click a random pixel of where an (H, W) mask differs from the truth; None if nowhere.

    A missed pixel is clicked as inside, a spurious one as outside. The pixel is drawn on a grid
    whose longer side has ``grid_px`` cells, so that an error which no cell shows gets no click;
    None draws among all pixels. Zhou et al., "EdgeSAM", 2023, section 3.2.
    """
    rows, columns = _grid(truth.shape[0], truth.shape[1], grid_px)
    cells = np.ix_(rows, columns)
    wrong = truth[cells] != mask[cells]
    if not wrong.any():
        return None
    x, y = _draw(wrong, rng)
    column, row = int(columns[x]), int(rows[y])
    return _click((column, row), int(truth[row, column]))


def largest_error_click(
    truth: BoolArray, mask: BoolArray, clicked: Sequence[Click] = ()
) -> Click | None:
    """Click the centre of the largest error, as the number of clicks (NoC) is counted.

    Of the missed and of the spurious pixels, the one farthest from the edge of its region is
    taken, never one that was ``clicked``; a tie goes to the spurious one. None where nothing is
    wrong that was not clicked. Sofiiuk et al., "Reviving Iterative Training with Mask Guidance for
    Interactive Segmentation", 2021.
    """
    taken = [(int(each.x), int(each.y)) for each in clicked]
    depth_in, missed = deepest_pixel(truth & ~mask, taken)
    depth_out, spurious = deepest_pixel(mask & ~truth, taken)
    if max(depth_in, depth_out) == 0:
        return None
    return _click(missed, 1) if depth_in > depth_out else _click(spurious, 0)


def deepest_pixel(
    mask: BoolArray, excluded: Sequence[tuple[int, int]] = ()
) -> tuple[float, tuple[int, int]]:
    """Distance to the outside and (x, y) of the pixel with the largest one, in an (H, W) mask.

    It is the arg-max of the Euclidean distance transform, where pixels beyond the image's edge
    are outside; of equal ones the first in reading order. Pixels in ``excluded`` are passed over.
    An empty mask has distance 0.
    """
    window = bounding_window(mask)
    if window is None:
        return 0.0, (0, 0)
    inside = np.pad(mask[window], 1)
    top, left = window[0].start - 1, window[1].start - 1
    across = _distance_across(inside)
    # The city-block distance is never below the Euclidean one, so that few pixels need the latter.
    bound = _city_block(across)
    for x, y in excluded:
        if 0 <= y - top < bound.shape[0] and 0 <= x - left < bound.shape[1]:
            bound[y - top, x - left] = 0
    best, place = _deepest(across, bound)
    return best**0.5, (place % bound.shape[1] + left, place // bound.shape[1] + top)


def _deepest(across: IntArray, bound: IntArray) -> tuple[int, int]:
    """Largest squared distance and its first flat index, by branch and bound on ``bound``."""
    flat = bound.ravel()
    order = np.argsort(-flat, kind="stable")
    order = order[flat[order] > 0]
    best, place = 0, 0
    for start in range(0, len(order), _CHUNK):
        part = order[start : start + _CHUNK]
        if flat[part[0]] ** 2 < best:
            break
        squared = _squared_distances(across, part, int(flat[part[0]]))
        most = int(squared.max())
        first = int(part[squared == most].min())
        if most > best or (most == best and first < place):
            best, place = most, first
    return best, place


def _distance_across(inside: BoolArray) -> IntArray:
    """(H, W) pixels to the nearest outside one in the same row; the first and last are outside."""
    columns = np.arange(inside.shape[1])
    before = np.maximum.accumulate(np.where(inside, -1, columns), axis=1)
    after = np.minimum.accumulate(np.where(inside, inside.shape[1], columns)[:, ::-1], axis=1)
    distances: IntArray = np.minimum(columns - before, after[:, ::-1] - columns)
    return distances


def _city_block(across: IntArray) -> IntArray:
    """(H, W) city-block distances of distances within rows."""
    rows = np.arange(len(across))[:, None]
    from_above = np.minimum.accumulate(across - rows, axis=0) + rows
    from_below = np.minimum.accumulate((across + rows)[::-1], axis=0)[::-1] - rows
    distances: IntArray = np.minimum(from_above, from_below)
    return distances


def _squared_distances(across: IntArray, places: IntArray, reach: int) -> IntArray:
    """(N,) squared Euclidean distances at flat indices, none of them beyond ``reach``."""
    height, width = across.shape
    rows, columns = places // width, places % width
    steps = np.arange(-reach, reach + 1)
    lines = np.clip(rows[:, None] + steps, 0, height - 1)
    down = lines - rows[:, None]
    squared: IntArray = (across[lines, columns[:, None]] ** 2 + down**2).min(axis=1)
    return squared


def _grid(height: int, width: int, longest: int | None) -> tuple[IntArray, IntArray]:
    """Rows and columns of the pixels at the centres of a grid's cells."""
    scale = min(1.0, (longest or max(height, width)) / max(height, width))
    counts = (max(1, round(side * scale)) for side in (height, width))
    rows, columns = (
        ((np.arange(count) + 0.5) * side / count).astype(np.int64)
        for count, side in zip(counts, (height, width), strict=True)
    )
    return rows, columns


def _draw(mask: BoolArray, rng: np.random.Generator) -> tuple[int, int]:
    places = np.flatnonzero(mask)
    place = int(places[rng.integers(len(places))])
    return place % mask.shape[1], place // mask.shape[1]


def _click(pixel_xy: tuple[int, int], label: int) -> Click:
    return Click(pixel_xy[0] + 0.5, pixel_xy[1] + 0.5, label)


def as_points(clicks: Sequence[Click]) -> tuple[FloatArray, IntArray]:
    """(P, 2) places and (P,) labels of clicks, as a `MaskPrompt` takes them."""
    places = np.array([(each.x, each.y) for each in clicks], np.float32).reshape(-1, 2)
    return places, np.array([each.label for each in clicks], np.int64)
