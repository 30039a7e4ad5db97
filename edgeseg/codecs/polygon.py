"""Masks to polygons along pixel edges, and polygons back to masks: exact both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseg.types import BoolArray

Points = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
# How far corners of two pixels that meet in a point are moved apart, so that no ring touches one.
_APART = 0.25


@dataclass(frozen=True, eq=False)
class Polygon:
    """An area with holes; x, y in pixels, (0, 0) the outer corner of the first pixel.

    ``outer`` and each of ``holes`` are (P, 2) float64 rings without a repeated last point; the
    area lies to the right of the direction of travel as seen on a screen, so that the shoelace
    area of ``outer`` is positive and that of a hole negative.
    """

    outer: Points
    holes: tuple[Points, ...] = ()

    @property
    def rings(self) -> tuple[Points, ...]:
        """The outer ring and the holes."""
        return (self.outer, *self.holes)


@dataclass(frozen=True, eq=False)
class Ring:
    """The corners of one boundary of a mask, in order, and on which side of each the mask lies.

    ``corners`` (P, 2) int64 x, y on the grid of pixel edges; ``inward`` (P, 2) int64, -1 or 1 in x
    and in y; ``is_pinched`` (P,) bool where two pixels of the mask meet in this corner only.
    """

    corners: _Ints
    inward: _Ints
    is_pinched: BoolArray

    @property
    def points(self) -> Points:
        """(P, 2) float64: the corners, with those that meet others moved apart."""
        moved = np.where(self.is_pinched, _APART, 0.0)[:, None] * self.inward
        return self.corners.astype(np.float64) + moved

    def moved(self, by_xy: _Ints) -> Ring:
        """Return the ring elsewhere on the grid."""
        return Ring(self.corners + by_xy, self.inward, self.is_pinched)

    def select(self, indices: _Ints) -> Ring:
        """Return the ring through some of its corners."""
        return Ring(self.corners[indices], self.inward[indices], self.is_pinched[indices])


def trace(mask: BoolArray) -> list[tuple[Ring, ...]]:
    """Return the boundaries of each part of an (H, W) mask: its outer ring, then its holes.

    Pixels belong together when they share an edge; parts come from top to bottom. The corners of a
    frame of 4 x 4 pixels with a hole of 2 x 2, numbered as they come:

        0 # # # # 1        outer ring 0 1 2 3: clockwise on a screen
          # 4 . 7 #        hole       4 5 6 7: counter-clockwise
          # 5 . 6 #        the mask is always to the right
        3 # # # # 2

        >>> mask = np.ones((4, 4), bool)
        >>> mask[1:3, 1:3] = False
        >>> ((outer, hole),) = trace(mask)
        >>> outer.corners.tolist(), hole.corners.tolist()
        ([[0, 0], [4, 0], [4, 4], [0, 4]], [[1, 1], [1, 3], [3, 3], [3, 1]])

    Two pixels that meet in a corner only are two parts; their shared corner is moved apart.

        >>> for (ring,) in trace(np.eye(2, dtype=bool)):
        ...     print(ring.points.tolist())
        [[0.0, 0.0], [1.0, 0.0], [0.75, 0.75], [0.0, 1.0]]
        [[1.25, 1.25], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0]]
    """
    corners, inward, following, is_convex = _corners(mask)
    pinched = _pinched(corners)
    rings, ring_of = _cycles(following)
    # The first corner of a ring is its topmost: a hole shows the mask a concave corner there.
    is_outer = [bool(is_convex[ring[0]]) for ring in rings]
    owners = _owners(mask.shape[1], rings, ring_of, is_outer, corners, following)
    parts: dict[int, list[Ring]] = {index: [] for index, outer in enumerate(is_outer) if outer}
    for ring, owner in zip(rings, owners, strict=True):
        parts[owner].append(Ring(corners[ring], inward[ring], pinched[ring]))
    return [tuple(part) for part in parts.values()]


def rasterize(rings: Sequence[Points], size_hw: tuple[int, int]) -> BoolArray:
    """Return (H, W) bool: pixels whose centre lies within an odd number of the rings.

    >>> rasterize([np.array([[0.0, 0], [3, 0], [0, 3]])], (3, 3)).astype(int).tolist()
    [[1, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    height, width = size_hw
    # Only whether counts are odd matters, so that they may wrap around.
    flips = np.zeros((height, width + 1), np.uint8)
    if rings:
        start = np.concatenate(rings)
        end = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
        upper = np.where((start[:, 1] < end[:, 1])[:, None], start, end)
        lower = np.where((start[:, 1] < end[:, 1])[:, None], end, start)
        # Rows whose centre lies within [top, bottom) of an edge, for all edges at once.
        first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height).astype(np.int64)
        count = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height).astype(np.int64) - first
        edge = np.repeat(np.arange(len(start)), count)
        rows = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
        part = (rows + 0.5 - upper[edge, 1]) / (lower[edge, 1] - upper[edge, 1])
        crossing = upper[edge, 0] + part * (lower[edge, 0] - upper[edge, 0])
        columns = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
        np.add.at(flips, (rows, columns), 1)
    np.cumsum(flips, axis=1, dtype=np.uint8, out=flips)
    flips &= 1
    return flips[:, :width].astype(bool)


def signed_area(ring: Points) -> float:
    """Return the shoelace area: positive for an outer ring, negative for a hole."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def join_holes(polygon: Polygon) -> Points:
    """Return one ring (P, 2) of the same area, for formats without holes.

    Each hole is joined by a cut of no width, which runs to the left from its leftmost point:

        A-----------B      A B C D, then L, where the cut meets the edge from D to A, round the
        L===E---H   |      hole E F G H, and back over E and L to A
        |   F---G   |
        D-----------C

        >>> square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
        >>> hole = np.array([[1.0, 1], [1, 3], [3, 3], [3, 1]])
        >>> [tuple(point) for point in join_holes(Polygon(square, (hole,))).astype(int).tolist()]
        [(0, 0), (4, 0), (4, 4), (0, 4), (0, 1), (1, 1), (1, 3), (3, 3), (3, 1), (1, 1), (0, 1)]
    """
    joined = polygon.outer
    # From left to right, so that whatever a cut runs into is part of the ring already.
    for hole in sorted(polygon.holes, key=lambda ring: (ring[:, 0].min(), ring[0, 1])):
        start = int(np.lexsort((hole[:, 1], hole[:, 0]))[0])
        x, y = hole[start]
        after = np.roll(joined, -1, axis=0)
        level = np.minimum(joined[:, 1], after[:, 1]) <= y
        level &= np.maximum(joined[:, 1], after[:, 1]) >= y
        rise = after[:, 1] - joined[:, 1]
        part = np.divide(y - joined[:, 1], rise, out=np.zeros_like(rise), where=rise != 0)
        nearer_end = np.maximum(joined[:, 0], after[:, 0])
        hit = np.where(rise != 0, joined[:, 0] + part * (after[:, 0] - joined[:, 0]), nearer_end)
        hit = np.where(level & (hit <= x), hit, -np.inf)
        edge = int(np.argmax(hit))
        landing = np.array([[hit[edge], y]])
        if not np.isfinite(hit[edge]):
            # Only rings that cross, as thinning may try them, have nothing to the left.
            edge = int(((joined - hole[start]) ** 2).sum(axis=1).argmin())
            landing = joined[edge : edge + 1]
        loop = np.roll(hole, -start, axis=0)
        joined = np.concatenate(
            [joined[: edge + 1], landing, loop, loop[:1], landing, joined[edge + 1 :]]
        )
    return joined


def _corners(mask: BoolArray) -> tuple[_Ints, _Ints, _Ints, BoolArray]:
    """Find all corners, in rows from the top, and for each the one that follows on its ring."""
    padded = np.pad(mask, 1)
    height, width = padded.shape
    xs, ys, sides, convex = [], [], [], []
    for side_x, side_y in ((-1, -1), (1, -1), (-1, 1), (1, 1)):

        def at(x: int, y: int) -> BoolArray:
            """The pixels on one side of all grid points."""
            return padded[(y + 1) // 2 : height - 1 + (y + 1) // 2,
                          (x + 1) // 2 : width - 1 + (x + 1) // 2]  # fmt: skip

        here, beside = at(side_x, side_y), at(-side_x, side_y)
        over, across = at(side_x, -side_y), at(-side_x, -side_y)
        for is_convex, found in (
            (True, here & ~beside & ~over),
            (False, ~here & beside & over & across),
        ):
            y, x = np.nonzero(found)
            xs.append(x)
            ys.append(y)
            sides.append(np.broadcast_to(np.array([side_x, side_y]), (len(x), 2)))
            convex.append(np.full(len(x), is_convex))
    points = np.stack([np.concatenate(xs), np.concatenate(ys)], axis=1)
    side, is_convex_ = np.concatenate(sides), np.concatenate(convex)
    order = np.lexsort((side[:, 0] > 0, points[:, 0], points[:, 1]))
    points, side, is_convex_ = points[order], side[order], is_convex_[order]
    # Along each grid line corners come in pairs: where an edge of the mask begins and ends.
    along, down = np.arange(len(points)) ^ 1, np.empty(len(points), np.int64)
    column = np.lexsort((side[:, 1] > 0, points[:, 1], points[:, 0]))
    down[column[0::2]], down[column[1::2]] = column[1::2], column[0::2]
    goes_along = (side[:, 0] == side[:, 1]) == is_convex_
    inward = np.where(is_convex_[:, None], side, -side)
    return points, inward, np.where(goes_along, along, down), is_convex_


def _pinched(corners: _Ints) -> BoolArray:
    """Return (P,) bool: whether the corner before or after this one is at the same place."""
    twin: BoolArray = (corners[1:] == corners[:-1]).all(axis=1)
    pinched = np.zeros(len(corners), bool)
    pinched[1:] |= twin
    pinched[:-1] |= twin
    return pinched


def _cycles(following: _Ints) -> tuple[list[_Ints], _Ints]:
    """Return the rings as positions of corners, and for each corner the number of its ring."""
    after, ring_of = following.tolist(), [-1] * len(following)
    rings: list[_Ints] = []
    for first in range(len(after)):
        if ring_of[first] < 0:
            ring: list[int] = []
            corner = first
            while ring_of[corner] < 0:
                ring_of[corner] = len(rings)
                ring.append(corner)
                corner = after[corner]
            rings.append(np.array(ring, np.int64))
    return rings, np.array(ring_of, np.int64)


def _owners(
    width: int,
    rings: Sequence[_Ints],
    ring_of: _Ints,
    is_outer: Sequence[bool],
    corners: _Ints,
    following: _Ints,
) -> list[int]:
    """Return for each ring the outer ring of its part: what lies to the left of it in its row."""
    owners = list(range(len(rings)))
    if all(is_outer):
        return owners
    ends = corners[following]
    upright = np.flatnonzero(corners[:, 0] == ends[:, 0])
    top = np.minimum(corners[upright, 1], ends[upright, 1])
    length = np.abs(corners[upright, 1] - ends[upright, 1])
    edge = np.repeat(upright, length)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(length) - length, length)
    keys = (row + np.repeat(top, length)) * (width + 1) + corners[edge, 0]
    order = np.argsort(keys)
    keys, edge = keys[order], edge[order]
    for number, ring in enumerate(rings):
        if not is_outer[number]:
            x, y = corners[ring[0]]
            left = edge[np.searchsorted(keys, y * (width + 1) + x) - 1]
            owners[number] = owners[int(ring_of[left])]
    return owners
