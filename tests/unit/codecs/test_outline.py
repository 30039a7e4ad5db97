"""Polygons with few vertices: as close to the mask as promised, in the eyes of every reader."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from edgeseg.codecs.outline import mask_to_polygons
from edgeseg.codecs.polygon import Points, Polygon, join_holes, rasterize
from edgeseg.types import BoolArray


def blob(seed: int, size_hw: tuple[int, int], smooth_px: int, share: float) -> BoolArray:
    """A random mask with slopes, holes and several parts; ``share`` of its pixels are inside."""
    noise: Any = np.random.default_rng(seed).random(size_hw)
    for _ in range(3):
        noise = cv2.blur(noise, (smooth_px, smooth_px))
    mask: BoolArray = noise >= np.quantile(noise, 1 - share)
    return mask


blobs = st.builds(
    blob,
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.sampled_from([1, 3, 5, 9]),
    st.floats(0.01, 0.99),
)


def iou(ours: BoolArray, theirs: BoolArray) -> float:
    union = (ours | theirs).sum()
    return float((ours & theirs).sum() / union) if union else 1.0


def by_centres(polygons: list[Polygon], size_hw: tuple[int, int]) -> BoolArray:
    return rasterize([ring for each in polygons for ring in each.rings], size_hw)


def by_coco(polygons: list[Polygon], size_hw: tuple[int, int]) -> BoolArray:
    flat = [join_holes(each).ravel().tolist() for each in polygons]
    return np.asarray(coco.decode(coco.merge(coco.frPyObjects(flat, *size_hw)))).astype(bool)


def by_pillow(polygons: list[Polygon], size_hw: tuple[int, int]) -> BoolArray:
    pil_image = PIL.Image.new("1", size_hw[::-1])
    for each in polygons:
        points = [(x, y) for x, y in join_holes(each).tolist()]
        PIL.ImageDraw.Draw(pil_image).polygon(points, fill=1, outline=1)
    return np.array(pil_image)


def by_opencv(polygons: list[Polygon], size_hw: tuple[int, int], rounds: bool) -> BoolArray:
    mask = np.zeros(size_hw, np.uint8)
    for each in polygons:
        ring: Points = join_holes(each)
        cv2.fillPoly(mask, [(np.round(ring) if rounds else ring).astype(np.int32)], 1)
    return mask.astype(bool)


@given(blobs)
@settings(max_examples=60, deadline=None)
def test_readers_of_edges_see_the_mask(mask: BoolArray) -> None:
    polygons = mask_to_polygons(mask)
    assert iou(by_centres(polygons, mask.shape), mask) >= 0.99
    assert iou(by_coco(polygons, mask.shape), mask) >= 0.99
    shape = shapely.MultiPolygon([(each.outer, list(each.holes)) for each in polygons])
    assert shape.is_valid, shapely.is_valid_reason(shape)


@given(blobs)
@settings(max_examples=60, deadline=None)
def test_readers_of_pixels_see_the_mask(mask: BoolArray) -> None:
    polygons = mask_to_polygons(mask, reading="pixels")
    assert iou(by_pillow(polygons, mask.shape), mask) >= 0.98
    assert iou(by_opencv(polygons, mask.shape, rounds=True), mask) >= 0.98
    assert iou(by_opencv(polygons, mask.shape, rounds=False), mask) >= 0.98


@given(blobs)
@settings(max_examples=40, deadline=None)
def test_every_corner_gives_the_mask_back_exactly(mask: BoolArray) -> None:
    edges = mask_to_polygons(mask, min_iou=1)
    assert np.array_equal(by_centres(edges, mask.shape), mask)
    assert np.array_equal(by_coco(edges, mask.shape), mask)
    pixels = mask_to_polygons(mask, min_iou=1, reading="pixels")
    assert np.array_equal(by_pillow(pixels, mask.shape), mask)
    assert np.array_equal(by_opencv(pixels, mask.shape, rounds=True), mask)
    assert np.array_equal(by_opencv(pixels, mask.shape, rounds=False), mask)


def test_slopes_need_few_vertices() -> None:
    rows, columns = np.mgrid[:400, :400]
    ring = (rows - 200) ** 2 + (columns - 200) ** 2
    (polygon,) = mask_to_polygons((ring < 180**2) & (ring > 90**2))
    assert len(polygon.holes) == 1
    assert len(polygon.outer) < 120
    (exact,) = mask_to_polygons((ring < 180**2) & (ring > 90**2), min_iou=1)
    assert len(exact.outer) > 500


@pytest.mark.parametrize("gap_px", [1, 2])
def test_neighbours_do_not_run_into_each_other(gap_px: int) -> None:
    rows, columns = np.mgrid[:120, :120]
    mask = np.abs(columns - rows * 0.4 - 20) < 12
    mask |= (columns - rows * 0.4 - 20 >= 12 + gap_px) & (columns - rows * 0.4 - 20 < 40)
    polygons = mask_to_polygons(mask)
    shape = shapely.MultiPolygon([(each.outer, list(each.holes)) for each in polygons])
    assert shape.is_valid
    assert len(polygons) == 2


def test_gentle_slopes_are_as_close_in_opencv_as_elsewhere() -> None:
    # OpenCV draws the outline as well as the area: three pixels more in each row of this slope.
    corners = np.array([[29.0, 1.0], [52.0, 1.0], [63.0, 8.0], [0.0, 8.0], [8.0, 4.5]])
    mask = rasterize([corners], (9, 64))
    polygons = mask_to_polygons(mask, reading="pixels")
    assert iou(by_opencv(polygons, mask.shape, rounds=True), mask) >= 0.98
    assert iou(by_pillow(polygons, mask.shape), mask) >= 0.98
