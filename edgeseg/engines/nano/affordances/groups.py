"""Sums over many short rows of numbers, on one core and without waiting for others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
# Rows of one product: BLAS shares larger ones among threads, which wait for each other longer than
# such products take.
BLOCK = 64


def products(rows: FloatArray, queries: FloatArray) -> FloatArray:
    """(Q, N) float32 dot products of (N, D) rows and (Q, D) queries."""
    whole = len(rows) // BLOCK * BLOCK
    blocks = rows[:whole].reshape(-1, BLOCK, rows.shape[1])
    return np.stack([np.concatenate([(blocks @ q).ravel(), rows[whole:] @ q]) for q in queries])


class Groups:
    """Groups of numbers, of any sizes but 0, of which the largest is wanted.

    Column k holds the k-th member of each group that has one, the groups with most members first:
    a few long steps in place of many short ones.

        flat    3 1 4 | 2 | 0 5      starts 0 3 4
        column 0   3 0 2             of the groups 0, 2, 1
        column 1   1 5
        column 2   4
    """

    def __init__(self, flat: npt.NDArray[np.int64], starts: npt.NDArray[np.int64]) -> None:
        sizes = np.diff(starts, append=len(flat))
        self._order = np.argsort(-sizes, kind="stable")
        self._columns = [
            flat[starts[self._order[: int((sizes > place).sum())]] + place]
            for place in range(int(sizes.max(initial=0)))
        ]

    def best(self, values: FloatArray, weights: FloatArray) -> FloatArray:
        """(E,) float32: the largest of the numbers that each of E groups names.

        Of each of the (Q, N) rows of ``values``, added up with (Q,) ``weights``.
        """
        total = np.zeros(len(self._order), np.float32)
        for row, weight in zip(values, weights, strict=True):
            largest = row[self._columns[0]]
            for column in self._columns[1:]:
                part = largest[: len(column)]
                np.maximum(part, row[column], out=part)
            total += weight * largest
        found = np.empty_like(total)
        found[self._order] = total
        return found
