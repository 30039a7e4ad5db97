"""Products and maxima of many short rows."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.engines.nano.affordances.groups import BLOCK, Groups, products


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_products_are_those_of_all_rows(count: int) -> None:
    rng = np.random.default_rng(count)
    rows = rng.standard_normal((count, 7)).astype(np.float32)
    queries = rng.standard_normal((2, 7)).astype(np.float32)
    np.testing.assert_allclose(products(rows, queries), queries @ rows.T, atol=1e-5)


def test_the_largest_of_each_group() -> None:
    flat, starts = np.array([3, 1, 4, 2, 0, 5]), np.array([0, 3, 4])
    values = np.array([[-1, 2, 7, 3, -4, -5], [1, 1, 1, 1, 1, 9]], np.float32)
    assert Groups(flat, starts).best(values[:1], np.ones(1, np.float32)).tolist() == [3, 7, -1]
    weights = np.array([2, 0.5], np.float32)
    assert Groups(flat, starts).best(values, weights).tolist() == [6.5, 14.5, 2.5]
