"""One-to-one matching with the largest sum, by the Hungarian algorithm.

Kuhn, "The Hungarian method for the assignment problem", 1955, in the form with potentials and
shortest augmenting paths (Jonker and Volgenant, 1987): O(n^2 m).
"""

from __future__ import annotations

import numpy as np

from edgeseg.types import FloatArray


def best_matching(worth: FloatArray) -> dict[int, int]:
    """Return the column of each row, none twice, so that the sum of (N, M) ``worth`` is largest.

    min(N, M) rows have one.

        0.9  0.8        row 0 takes column 1 and row 1 column 0: 0.8 + 0.7 is more than
        0.7  0.1        0.9 + 0.1.
    """
    rows, columns = worth.shape
    if rows > columns:
        return {row: column for column, row in best_matching(worth.T).items()}
    costs = -np.asarray(worth, np.float64)
    row_of = np.full(columns + 1, -1)
    row_potential, column_potential = np.zeros(rows), np.zeros(columns + 1)
    for row in range(rows):
        # The last column stands for the start of the path.
        row_of[columns] = row
        previous = np.full(columns + 1, columns)
        distance = np.full(columns + 1, np.inf)
        is_used = np.zeros(columns + 1, bool)
        here = columns
        while row_of[here] != -1:
            is_used[here] = True
            reduced = costs[row_of[here]] - row_potential[row_of[here]] - column_potential[:columns]
            better = ~is_used[:columns] & (reduced < distance[:columns])
            distance[:columns][better] = reduced[better]
            previous[:columns][better] = here
            open_distance = np.where(is_used[:columns], np.inf, distance[:columns])
            following = int(open_distance.argmin())
            delta = open_distance[following]
            row_potential[row_of[is_used]] += delta
            column_potential[is_used] -= delta
            distance[:columns][~is_used[:columns]] -= delta
            here = following
        while here != columns:
            row_of[here] = row_of[previous[here]]
            here = int(previous[here])
    return {int(row_of[column]): column for column in range(columns) if row_of[column] != -1}
