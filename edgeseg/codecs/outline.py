"""Masks to polygons with few vertices, checked against the mask before they are returned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
from pycocotools import mask as coco

from edgeseg.codecs.polygon import Points, Polygon, Ring, join_holes, rasterize, trace
from edgeseg.types import BoolArray

# What a vertex means to the reader of a format. "edges": a point of the plane, pixels are where
# their centre lies inside (COCO, CVAT, GeoJSON). "pixels": a whole pixel, which is filled with
# all others that the outline touches (OpenCV's and Pillow's polygons, hence YOLO and LabelMe).
Reading = Literal["edges", "pixels"]
MIN_IOU = 0.99
TOLERANCES_PX = (1.0, 0.75, 0.5)
# Readers differ by a pixel or two along slopes; parts in which that counts keep every corner.
_SMALL_PX = 256
# Readers of pixels round or cut off fractions: these offsets from the pixel's edge suit both.
_NEAR_PX, _FAR_PX = 0.1, -0.6

_Ints = npt.NDArray[np.int64]


def mask_to_polygons(
    mask: BoolArray, *, reading: Reading = "edges", min_iou: float = MIN_IOU
) -> list[Polygon]:
    """Return a polygon for each part of an (H, W) mask, with the fewest vertices tried.

    No ring touches another or itself. Read as ``reading`` says, each part overlaps its pixels by
    at least ``min_iou``; 1 keeps every corner, and the mask comes back exactly. Three pixels by
    two, from column 1 and row 1, as each kind of reader is given them:

        >>> mask = np.zeros((4, 5), bool)
        >>> mask[1:3, 1:4] = True
        >>> (edges,) = mask_to_polygons(mask)  # the outer edges of the pixels
        >>> edges.outer.tolist()
        [[1.0, 1.0], [4.0, 1.0], [4.0, 3.0], [1.0, 3.0]]
        >>> (pixels,) = mask_to_polygons(mask, reading="pixels")  # columns 1 to 3, rows 1 to 2
        >>> pixels.outer.tolist()
        [[1.1, 1.1], [3.4, 1.1], [3.4, 2.4], [1.1, 2.4]]
    """
    parts = _traced(mask)
    if min_iou < 1:
        for first in range(len(TOLERANCES_PX)):
            tolerances = TOLERANCES_PX[first:]
            thinner = [_thinned(part, tolerances, reading, min_iou) for part in parts]
            if _same(thinner, parts) or not _cross(
                [ring.points for part in thinner for ring in part]
            ):
                parts = thinner
                break
    return [_placed(part, reading) for part in parts]


def _same(thinner: Sequence[Sequence[Ring]], parts: Sequence[Sequence[Ring]]) -> bool:
    """Whether no part was thinned: rings as they were traced never cross."""
    return all(one is other for one, other in zip(thinner, parts, strict=True))


def _traced(mask: BoolArray) -> list[tuple[Ring, ...]]:
    """Trace only the tight box of the mask: an object is often small beside its image."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    inside = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    corner = np.array([columns[0], rows[0]])
    return [tuple(ring.moved(corner) for ring in part) for part in trace(inside)]


def _placed(part: Sequence[Ring], reading: Reading) -> Polygon:
    if reading == "edges":
        rings = [ring.points for ring in part]
    else:
        rings = [
            ring.corners.astype(np.float64) + np.where(ring.inward > 0, _NEAR_PX, _FAR_PX)
            for ring in part
        ]
    return Polygon(rings[0], tuple(rings[1:]))


def _thinned(
    part: tuple[Ring, ...], tolerances_px: Sequence[float], reading: Reading, min_iou: float
) -> tuple[Ring, ...]:
    """Leave out vertices by the first tolerance that keeps the part's pixels; none may do."""
    corner = part[0].corners.min(axis=0)
    width, height = part[0].corners.max(axis=0) - corner
    if width * height < _SMALL_PX:
        return part
    size_hw = (int(height), int(width))
    whole = rasterize([ring.corners - corner.astype(float) for ring in part], size_hw)
    if whole.sum() < _SMALL_PX:
        return part
    for tolerance_px in tolerances_px:
        fewer = tuple(ring.select(_kept(ring.points, tolerance_px)) for ring in part)
        placed = _placed(fewer, reading)
        moved = Polygon(placed.outer - corner, tuple(hole - corner for hole in placed.holes))
        if all(
            (drawn & whole).sum() >= min_iou * (drawn | whole).sum()
            for drawn in _drawings(moved, size_hw, reading)
        ):
            return fewer
    return part


def _drawings(polygon: Polygon, size_hw: tuple[int, int], reading: Reading) -> Iterator[BoolArray]:
    """Yield what readers of this kind make of a polygon."""
    ring = join_holes(polygon)
    if reading == "pixels":
        pil_image = PIL.Image.new("1", (size_hw[1], size_hw[0]))
        pen = PIL.ImageDraw.Draw(pil_image)
        points = [(x, y) for x, y in ring.tolist()]
        pen.polygon(points, fill=1, outline=1)
        yield np.array(pil_image)
        # OpenCV draws the outline too, which shows along gentle slopes.
        pen.line([*points, points[0]], fill=1)
        yield np.array(pil_image)
        return
    yield rasterize(polygon.rings, size_hw)
    # COCO's own reader works on a grid of fifths of a pixel, and differs along slopes.
    packed = coco.frPyObjects([ring.ravel().tolist()], *size_hw)
    yield coco.decode(packed[0]).astype(bool)


def _kept(points: Points, tolerance_px: float) -> _Ints:
    """Choose vertices of a closed (P, 2) ring by Douglas and Peucker; all when few would stay."""
    every = np.arange(len(points))
    far = int(np.argmax(((points - points[0]) ** 2).sum(axis=1)))
    closed = np.concatenate([points, points[:1]])
    keep = np.zeros(len(points) + 1, bool)
    keep[[0, far, len(points)]] = True
    spans = [(0, far), (far, len(points))]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        distances = _distances(closed[first + 1 : last], closed[first], closed[last])
        worst = int(np.argmax(distances))
        if distances[worst] > tolerance_px:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    indices = np.flatnonzero(keep[:-1])
    return indices if len(indices) >= 4 else every


def _distances(points: Points, start: Points, end: Points) -> Points:
    """Return the distance of each of (P, 2) points from the line segment."""
    along = end - start
    length = float(along @ along)
    part = np.clip((points - start) @ along / length, 0, 1) if length else np.zeros(len(points))
    distances: Points = np.hypot(*(points - start - part[:, None] * along).T)
    return distances


def _cross(rings: Sequence[Points]) -> bool:
    """Whether any two edges of the rings meet other than where one follows the other."""
    if not rings:
        return False
    start = np.concatenate(rings)
    end = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    order = np.argsort(np.minimum(start[:, 1], end[:, 1]), kind="stable")
    start, end = start[order], end[order]
    top, bottom = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    # Sorted by their tops, edges that share a row lie close: compare each with the next, with
    # the one after, and so on while any pair still shares a row.
    near, step = np.arange(len(start)), 1
    while True:
        near = near[near + step < len(start)]
        near = near[top[near + step] <= bottom[near]]
        if not len(near):
            return False
        if _meet(start[near], end[near], start[near + step], end[near + step]).any():
            return True
        step += 1


def _meet(a: Points, b: Points, c: Points, d: Points) -> BoolArray:
    """Whether segments a-b and c-d share a point, for (P, 2) each.

    Those that follow each other meet only when one runs back over the other.
    """
    apart = ((np.maximum(a, b) < np.minimum(c, d)) | (np.maximum(c, d) < np.minimum(a, b))).any(1)
    between = (_turn(a, b, c) * _turn(a, b, d) <= 0) & (_turn(c, d, a) * _turn(c, d, b) <= 0)
    onward, before = (b == c).all(axis=1), (d == a).all(axis=1)
    joint = np.where(onward[:, None], b, a)
    one, other = np.where(onward[:, None], a, b), np.where(onward[:, None], d, c)
    back = (_turn(joint, one, other) == 0) & (((one - joint) * (other - joint)).sum(axis=1) > 0)
    met: BoolArray = np.where(onward | before, back, between & ~apart)
    return met


def _turn(p: Points, q: Points, r: Points) -> Points:
    """Return (P,) 1, 0 or -1: whether r lies to one side of the line p-q, on it, or opposite."""
    first, second = q - p, r - p
    return np.sign(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
