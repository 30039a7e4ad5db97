"""Where to click, and in which parts of an image."""

from __future__ import annotations

import math

import numpy as np

from edgeseg.tiling import Tile, whole
from edgeseg.types import FloatArray

# Neighbouring crops of the first layer share this part of the image's shorter side.
OVERLAP = 512 / 1500


def grid_points(side: int) -> FloatArray:
    """Return (side * side, 2) places (x, y) in 0..1: the centres of equal cells, coarse to fine.

    The first places already cover the image, so that those after them can be left out where they
    lie on what is found.

    >>> grid_points(2).tolist()
    [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    >>> (grid_points(4)[:4] * 4).tolist()
    [[0.5, 0.5], [2.5, 0.5], [0.5, 2.5], [2.5, 2.5]]
    """
    rows, columns = (each.ravel() for each in np.mgrid[:side, :side])
    # The larger the power of two that divides both numbers, the earlier.
    order = np.argsort(-_even_steps(rows | columns), kind="stable")
    centres = (np.stack([columns, rows], 1)[order] + 0.5) / max(side, 1)
    return np.asarray(centres, np.float32)


def _even_steps(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> FloatArray:
    """How often each number can be halved; 0 as often as one likes."""
    lowest = numbers & -numbers
    return np.where(numbers == 0, np.inf, np.log2(np.maximum(lowest, 1))).astype(np.float32)


def crops(size_hw: tuple[int, int], layers: int) -> list[Tile]:
    """Return the whole image and, for layer n, its overlapping crops in 2**n rows and columns.

    >>> [(crop.x0, crop.x1, crop.level) for crop in crops((300, 600), 1)]
    [(0, 600, 0), (0, 351, 1), (249, 600, 1), (0, 351, 1), (249, 600, 1)]
    """
    found = [whole(size_hw)]
    for layer in range(1, layers + 1):
        across = 2**layer
        overlap = int(OVERLAP * min(size_hw) * 2 / across)
        rows, columns = (_spans(length, across, overlap) for length in size_hw)
        found += [Tile(x0, y0, x1, y1, layer) for y0, y1 in rows for x0, x1 in columns]
    return found


def _spans(length: int, count: int, overlap: int) -> list[tuple[int, int]]:
    """Split a length into spans that share ``overlap`` pixels with their neighbours."""
    span = math.ceil((overlap * (count - 1) + length) / count)
    starts = [int((span - overlap) * number) for number in range(count)]
    return [(start, min(start + span, length)) for start in starts if start < length]
