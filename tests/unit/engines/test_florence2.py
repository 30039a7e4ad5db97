"""Boxes are read out of what the model writes."""

from __future__ import annotations

import math

import pytest

from edgeseg.engines.florence2 import boxes_in

# Tokens 100..1099 are places, 5 is a word, 7 and 8 begin and end a polygon.
BINS = {100 + index: index for index in range(1000)}
POLYGON = (7, 8)


def read(*tokens: int) -> list[tuple[int, int, int, int]]:
    return [box for box, _ in boxes_in(tokens, [0.0] * len(tokens), BINS, POLYGON)]


def test_four_places_are_a_box() -> None:
    assert read(5, 110, 120, 510, 620, 5, 101, 102, 301, 402, 2) == [
        (10, 20, 410, 520),
        (1, 2, 201, 302),
    ]
    assert read(5, 110, 120, 510, 620, 101, 102, 301, 402) == [(10, 20, 410, 520), (1, 2, 201, 302)]


def test_what_is_cut_short_or_empty_is_left_out() -> None:
    assert read(5, 110, 120, 510) == []
    assert read(110, 120, 110, 620) == []
    assert read() == []


def test_a_polygon_is_bounded() -> None:
    assert read(5, 7, 110, 120, 210, 150, 160, 300, 8, 5, 101, 102, 301, 402) == [
        (10, 20, 110, 200),
        (1, 2, 201, 302),
    ]


def test_a_score_is_the_geometric_mean_of_its_tokens() -> None:
    chances = [math.log(chance) for chance in (0.9, 0.5, 0.5, 0.2, 0.2)]
    ((_, score),) = boxes_in([5, 110, 120, 510, 620], chances, BINS, POLYGON)
    assert score == pytest.approx((0.5 * 0.5 * 0.2 * 0.2) ** 0.25)
