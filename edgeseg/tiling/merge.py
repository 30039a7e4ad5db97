"""Merging of detections of overlapping tiles: parts of an object that a seam cuts become one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeseg.selection.boxes import area, intersection, iou
from edgeseg.tiling.tiles import Tile
from edgeseg.types import BoolArray, Detections, FloatArray

# A box that ends this near its tile's edge, as a share of the tile's side, is cut by it.
SEAM = 0.03
# How much of a cut box lies within a box of the whole object, and how alike the two parts of an
# object are along their seam.
COVERED = 0.7
ALIKE = 0.5
# Boxes of one object from tiles of two scales overlap less than boxes of one scale.
SAME_OBJECT_IOU = 0.5
MAX_BOXES = 2000

View = tuple[Tile, Detections]
"""A tile and its detections, in pixels of the tile."""


def merge(views: Sequence[View]) -> tuple[Detections, list[list[tuple[int, int]]]]:
    """Join what was found in tiles to boxes in pixels of the photo.

    Also returns, for each box, the (view, row) of the boxes that it was made of: one, or the parts
    of an object that no tile shows whole. Of what several tiles show, those that show it whole
    decide. A cat from x 200 to 600, longer than the overlap of two tiles of 400 pixels:

        x       0     100   200   300   400   500   600   700
        tile 1  |-----------[===========]                      its box ends at the tile's edge
        tile 2                    [=================]-----|    its box begins at the tile's edge
        merged              [=======================]          the parts overlap and are as high

        >>> def found(*row: float) -> Detections:
        ...     boxes = np.array([row[:4]], np.float32)
        ...     return Detections(boxes, np.array(row[4:], np.float32), ("cat",))
        >>> nothing = (Tile(0, 0, 700, 400), Detections.empty())
        >>> left = (Tile(0, 0, 400, 400, level=1), found(200, 100, 400, 200, 0.75))
        >>> right = (Tile(300, 0, 700, 400, level=1), found(0, 100, 300, 200, 0.5))
        >>> cat, parts = merge([nothing, left, right])
        >>> cat.boxes_xyxy.tolist(), cat.scores.tolist(), parts
        ([[200.0, 100.0, 600.0, 200.0]], [0.75], [[(1, 0), (2, 0)]])
    """
    if len(views) == 1:
        return views[0][1], [[(0, row)] for row in range(len(views[0][1]))]
    boxes, places = _in_the_photo(views)
    tiles = [tile for tile, _ in views]
    groups = _groups(boxes, places, _cuts(boxes, places, tiles), tiles) if places else []
    if not groups:
        return Detections.empty(), []
    merged = Detections(
        np.array([_around(boxes.boxes_xyxy[group]) for group in groups], np.float32),
        np.array([boxes.scores[group].max() for group in groups], np.float32),
        tuple(boxes.labels[group[0]] for group in groups),
    )
    return merged, [[places[row] for row in group] for group in groups]


def _in_the_photo(views: Sequence[View]) -> tuple[Detections, list[tuple[int, int]]]:
    """The best MAX_BOXES boxes in pixels of the photo, and the (view, row) of each."""
    rows = [
        (view, row) for view, (_, detections) in enumerate(views) for row in range(len(detections))
    ]
    scores = np.concatenate([detections.scores for _, detections in views])
    moved = [detections.boxes_xyxy + np.tile(tile.corner_xy, 2) for tile, detections in views]
    labels = tuple(label for _, detections in views for label in detections.labels)
    everything = Detections(np.concatenate(moved).astype(np.float32), scores, labels)
    order = np.argsort(-scores, kind="stable")[:MAX_BOXES]
    return everything.take(order), [rows[index] for index in order]


def _cuts(boxes: Detections, places: Sequence[tuple[int, int]], tiles: Sequence[Tile]) -> BoolArray:
    """(N, 4) which sides of each box end at an edge of its tile that is none of the photo's."""
    frame = tiles[0]
    edges = np.array([[t.x0, t.y0, t.x1, t.y1] for t in tiles], np.float32)
    inner = edges != np.array([frame.x0, frame.y0, frame.x1, frame.y1], np.float32)
    own = np.array([view for view, _ in places])
    slack = SEAM * (edges[own, 2:] - edges[own, :2])
    near = np.abs(boxes.boxes_xyxy - edges[own]) <= np.tile(slack, 2)
    cut: BoolArray = near & inner[own]
    return cut


def _groups(
    boxes: Detections,
    places: Sequence[tuple[int, int]],
    cuts: BoolArray,
    tiles: Sequence[Tile],
) -> list[list[int]]:
    """Rows of the boxes that make up each object, the highest-scoring object first."""
    rows = range(len(boxes))
    is_cut: BoolArray = np.array(cuts.any(axis=1))
    _, kind = np.unique(boxes.labels, return_inverse=True)
    same = kind[:, None] == kind[None, :]
    shared = intersection(boxes.boxes_xyxy, boxes.boxes_xyxy)
    inside = shared / np.maximum(area(boxes.boxes_xyxy), 1e-6)[:, None]
    level = np.array([tiles[view].level for view, _ in places])
    # A part of an uncut box, or the lower-scoring of two boxes of one object at two scales.
    other_scale = level[None, :] != level[:, None]
    lower = boxes.scores[None, :] > boxes.scores[:, None]
    alike = iou(boxes.boxes_xyxy, boxes.boxes_xyxy) >= SAME_OBJECT_IOU
    part = same & ~is_cut[None, :] & ((inside >= COVERED) | (alike & other_scale))
    np.fill_diagonal(part, False)
    dropped: BoolArray = np.array((part & (is_cut[:, None] | (other_scale & lower))).any(axis=1))
    remaining = [row for row in rows if not dropped[row]]
    groups = [[row] for row in remaining if not is_cut[row]]
    pieces = [
        row
        for row in remaining
        if is_cut[row] and not _elsewhere(boxes.boxes_xyxy[row], tiles[places[row][0]], tiles)
    ]
    adjoining = _adjoining(boxes.boxes_xyxy[pieces], cuts[pieces])
    adjoining &= same[np.ix_(pieces, pieces)] & ~other_scale[np.ix_(pieces, pieces)]
    groups += [[pieces[index] for index in group] for group in _connected(adjoining)]
    return sorted(groups, key=lambda group: -float(boxes.scores[group].max()))


def _elsewhere(box: FloatArray, own: Tile, tiles: Sequence[Tile]) -> bool:
    """Whether another tile of the same grid shows all of a cut box, away from its own edges.

    Then that tile sees more of the object, and has found it if there is one.
    """
    frame = tiles[0]
    for tile in tiles:
        if tile.level != own.level or tile == own:
            continue
        slack = SEAM * min(tile.x1 - tile.x0, tile.y1 - tile.y0)
        if (
            (tile.x0 == frame.x0 or box[0] > tile.x0 + slack)
            and (tile.x1 == frame.x1 or box[2] < tile.x1 - slack)
            and (tile.y0 == frame.y0 or box[1] > tile.y0 + slack)
            and (tile.y1 == frame.y1 or box[3] < tile.y1 - slack)
        ):
            return True
    return False


def _adjoining(boxes: FloatArray, cuts: BoolArray) -> BoolArray:
    """(P, P) whether two cut boxes are parts of one object on either side of a seam."""
    low, high = boxes[:, :2], boxes[:, 2:]
    shared = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    joint = np.maximum(high[:, None], high[None]) - np.minimum(low[:, None], low[None])
    alike = shared / np.maximum(joint, 1e-6) >= ALIKE
    result = np.zeros((len(boxes), len(boxes)), bool)
    for axis in (0, 1):
        meets = cuts[:, None, axis + 2] & cuts[None, :, axis]
        result |= meets & (shared[..., axis] >= 0) & alike[..., 1 - axis]
    joined: BoolArray = result | result.T
    return joined


def _connected(joined: BoolArray) -> list[list[int]]:
    """Indices of each connected part of a symmetric (P, P) relation."""
    left, groups = set(range(len(joined))), []
    while left:
        group, edge = [], [min(left)]
        left.discard(edge[0])
        while edge:
            group.append(edge.pop())
            for index in np.flatnonzero(joined[group[-1]]):
                if int(index) in left:
                    left.discard(int(index))
                    edge.append(int(index))
        groups.append(sorted(group))
    return groups


def _around(boxes: FloatArray) -> FloatArray:
    """(4,) the box round (N, 4) boxes."""
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
