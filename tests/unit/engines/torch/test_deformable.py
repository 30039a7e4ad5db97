"""Deformable attention is the sum that its definition says."""

from __future__ import annotations

import torch

from edgeseg.engines.torch.deformable import attend


def test_a_sum_over_levels_points_and_neighbours() -> None:
    torch.manual_seed(0)
    shapes = [(5, 7), (3, 4)]
    batch, heads, width, queries, points = 2, 3, 4, 6, 2
    cells = sum(height * across for height, across in shapes)
    values = torch.randn(batch, cells, heads, width)
    places = torch.rand(batch, queries, heads, len(shapes), points, 2) * 1.2 - 0.1
    weights = torch.rand(batch, queries, heads, len(shapes), points)
    made = attend(values, shapes, places, weights)
    assert made.shape == (batch, queries, heads * width)
    wanted = torch.zeros(batch, queries, heads, width)
    for index in torch.cartesian_prod(*map(torch.arange, weights.shape)).tolist():
        b, q, h, level, _ = index
        start = sum(height * across for height, across in shapes[:level])
        x, y = places[tuple(index)].tolist()
        read = bilinear(values[b, start:, h], shapes[level], x, y)
        wanted[b, q, h] += weights[tuple(index)] * read
    assert torch.allclose(made, wanted.flatten(2), atol=1e-5)


def bilinear(values: torch.Tensor, shape: tuple[int, int], x: float, y: float) -> torch.Tensor:
    """Read a level at a place in 0..1, zero outside of it."""
    height, across = shape
    column, row = x * across - 0.5, y * height - 0.5
    read = torch.zeros(values.shape[1])
    for at_row in (int(row // 1), int(row // 1) + 1):
        for at_column in (int(column // 1), int(column // 1) + 1):
            if 0 <= at_row < height and 0 <= at_column < across:
                share = (1 - abs(row - at_row)) * (1 - abs(column - at_column))
                read += share * values[at_row * across + at_column]
    return read
