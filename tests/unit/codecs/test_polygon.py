"""Masks to rings along pixel edges and back: exact, whatever the mask."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeseg.codecs.polygon import Polygon, Ring, join_holes, rasterize, signed_area, trace
from edgeseg.types import BoolArray

masks = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def drawn(*rows: str) -> BoolArray:
    """A mask from rows of characters: # inside, anything else outside."""
    return np.array([[sign == "#" for sign in row] for row in rows])


def polygon_of(part: tuple[Ring, ...]) -> Polygon:
    return Polygon(part[0].points, tuple(ring.points for ring in part[1:]))


def test_one_pixel_is_its_four_corners() -> None:
    ((ring,),) = trace(drawn("...", "..#"))
    assert ring.points.tolist() == [[2, 1], [3, 1], [3, 2], [2, 2]]


def test_a_hole_runs_the_other_way_and_belongs_to_its_part() -> None:
    mask = drawn(
        "#####....",
        "#...#.###",
        "#.#.#.#.#",
        "#...#.###",
        "#####....",
    )
    frame, other, island = (polygon_of(part) for part in trace(mask))
    assert [len(each.holes) for each in (frame, other, island)] == [1, 1, 0]
    assert signed_area(frame.outer) == 25
    assert signed_area(frame.holes[0]) == -9
    assert signed_area(other.outer) == 9
    assert signed_area(other.holes[0]) == -1
    assert island.outer.min(axis=0).tolist() == [2, 2]


def test_pixels_that_meet_in_a_point_are_parts_that_do_not_touch() -> None:
    first, second = (polygon_of(part) for part in trace(drawn("#.", ".#")))
    assert [2 * value for value in first.outer[2]] == [1.5, 1.5]
    assert not shapely.Polygon(first.outer).intersects(shapely.Polygon(second.outer))


def test_holes_that_meet_in_a_point_are_one() -> None:
    (part,) = trace(drawn("####", "#.##", "##.#", "####"))
    assert len(part) == 2
    assert signed_area(polygon_of(part).holes[0]) == -2.5


def test_nothing_and_everything() -> None:
    assert trace(np.zeros((3, 4), bool)) == []
    assert not rasterize([], (3, 4)).any()
    ((ring,),) = trace(np.ones((3, 4), bool))
    assert ring.points.tolist() == [[0, 0], [4, 0], [4, 3], [0, 3]]


@given(masks)
def test_filling_the_rings_gives_the_mask_back(mask: BoolArray) -> None:
    parts = trace(mask)
    assert np.array_equal(
        rasterize([ring.points for part in parts for ring in part], mask.shape), mask
    )
    union = np.zeros_like(mask)
    for part in parts:
        here = rasterize([ring.points for ring in part], mask.shape)
        assert not (here & union).any()
        union |= here
        assert np.array_equal(rasterize([join_holes(polygon_of(part))], mask.shape), here)
    assert np.array_equal(union, mask)


@given(masks)
@settings(max_examples=50)
def test_rings_make_valid_polygons(mask: BoolArray) -> None:
    polygons = [polygon_of(part) for part in trace(mask)]
    shape = shapely.MultiPolygon([(each.outer, list(each.holes)) for each in polygons])
    assert shape.is_valid, shapely.is_valid_reason(shape)


def test_filling_counts_centres_of_pixels() -> None:
    triangle = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    assert rasterize([triangle], (4, 4)).sum(axis=1).tolist() == [3, 2, 1, 0]
    beyond = np.array([[-9.0, -9.0], [9.0, -9.0], [9.0, 1.0], [-9.0, 1.0]])
    assert rasterize([beyond], (2, 2)).tolist() == [[True, True], [False, False]]


def test_a_cut_has_no_width() -> None:
    (part,) = trace(drawn("#####", "#.#.#", "#####"))
    joined = join_holes(polygon_of(part))
    assert signed_area(joined) == 13
    assert len(joined) == 4 + 2 * (4 + 3)
