"""Connected pieces of a mask: small islands go and small holes are filled."""

from __future__ import annotations

import numpy as np

from edgeseg.types import BoolArray, FloatArray, IntArray

ISLAND = 0.05
"""An island smaller than this share of the largest piece is not part of the object."""
HOLE = 0.03
"""A hole smaller than this share of the object belongs to it."""


def tidy(logits: FloatArray, positive: IntArray, negative: IntArray) -> FloatArray:
    """(S, S) logits without small islands and holes, but for those that somebody clicked on.

    ``positive`` and ``negative`` are (P, 2) cells (x, y) of clicks; outside the crop they count
    for nothing.
    """
    inside = logits > 0
    if inside.all() or not inside.any():
        return logits
    islands, sizes = pieces(inside)
    small = sizes < ISLAND * sizes.max()
    small[_under(islands, positive)] = False
    holes, gaps = pieces(~inside)
    filled = gaps < HOLE * inside.sum()
    rim = np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]])
    filled[rim[rim >= 0]] = False
    filled[_under(holes, negative)] = False
    clean = np.where(inside & small[islands], np.float32(-1), logits)
    cleaned: FloatArray = np.where(~inside & filled[holes], np.float32(1), clean)
    return cleaned


def pieces(inside: BoolArray) -> tuple[IntArray, IntArray]:
    """(H, W) number of the piece that each cell is in, -1 outside, and (P,) cells of each piece.

    Cells touch along their sides. Rows are taken as runs, of which a mask has few.
    """
    steps = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    roots = _joined(np.searchsorted(rows, np.arange(len(inside) + 1)), starts, ends)
    _, number = np.unique(roots, return_inverse=True)
    numbers = np.full(inside.shape, -1, np.int64)
    # Runs in their order are the cells inside, row by row.
    numbers[inside] = np.repeat(number, ends - starts)
    return numbers, np.bincount(numbers[inside])


def _joined(first: IntArray, starts: IntArray, ends: IntArray) -> list[int]:
    """The root of each run, where runs of neighbouring rows that overlap share one.

    Row r has the runs ``first[r]`` to ``first[r + 1]``, each from its start to before its end.
    """
    bounds, low, high = first.tolist(), starts.tolist(), ends.tolist()
    parent = list(range(len(low)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    for above, here, below in zip(bounds, bounds[1:], bounds[2:], strict=False):
        upper, lower = above, here
        while upper < here and lower < below:
            if low[upper] < high[lower] and low[lower] < high[upper]:
                parent[root(lower)] = root(upper)
            if high[upper] < high[lower]:
                upper += 1
            else:
                lower += 1
    return [root(run) for run in range(len(parent))]


def _under(numbers: IntArray, cells: IntArray) -> IntArray:
    """Numbers of the pieces under (P, 2) cells."""
    within = cells[((cells >= 0) & (cells < numbers.shape[::-1])).all(axis=1)]
    labels = numbers[within[:, 1], within[:, 0]]
    under: IntArray = labels[labels >= 0]
    return under
