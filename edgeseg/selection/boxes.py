"""Policies over detected boxes: clipping, thresholds, suppression.

Each policy returns the positions of the boxes that it keeps, so that what belongs to a box (its
mask, the tile that showed it) is found again by its row: ``detections.take(suppress(detections))``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from edgeseg.types import BoolArray, Detections, FloatArray, IntArray

SAME_PHRASE_IOU = 0.6
ACROSS_PHRASES_IOU = 0.8
SAME_THING_IOU = 0.5
# An apple is a fruit: what is left out need not fit better than what is asked for, only about as
# well.
EXCLUDED_SCORE = 0.7
# A box round a group holds two or more of the same phrase, each within it, with a confidence not
# much lower and clearly smaller, and together they fill most of it.
GROUP_INSIDE = 0.9
GROUP_SCORE = 0.6
GROUP_PART = 0.75
GROUP_FILLED = 0.6
_GRID = 64


def iou(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return (N, M) intersection over union of (N, 4) and (M, 4) boxes."""
    shared = intersection(left, right)
    union = area(left)[:, None] + area(right)[None, :] - shared
    ratios: FloatArray = (shared / np.maximum(union, 1e-9)).astype(np.float32)
    return ratios


def intersection(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return (N, M) shared areas in square pixels of (N, 4) and (M, 4) boxes."""
    # An axis at a time, side by side in memory: several times as fast as pairs of (x, y).
    width, height = (
        np.minimum.outer(left[:, axis + 2], right[:, axis + 2])
        - np.maximum.outer(left[:, axis], right[:, axis])
        for axis in (0, 1)
    )
    shared: FloatArray = np.maximum(width, 0) * np.maximum(height, 0)
    return shared


def area(boxes_xyxy: FloatArray) -> FloatArray:
    """Return (N,) areas in square pixels."""
    sides = np.clip(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0, None)
    areas: FloatArray = sides[:, 0] * sides[:, 1]
    return areas


def cut(detections: Detections, size_hw: tuple[int, int]) -> Detections:
    """Cut boxes at the edges of the image; what lies outside keeps no area."""
    height, width = size_hw
    limits = np.array([width, height, width, height], np.float32)
    boxes = np.clip(detections.boxes_xyxy, 0, limits)
    return Detections(boxes, detections.scores, detections.labels)


def inside(detections: Detections) -> IntArray:
    """Boxes of a pixel and more, once they were cut at the edges of the image."""
    sides = detections.boxes_xyxy[:, 2:] - detections.boxes_xyxy[:, :2]
    return np.flatnonzero(np.all(sides >= 1, axis=1))


def best_first(detections: Detections) -> IntArray:
    """All boxes, ordered by score; equal scores keep their order."""
    return np.argsort(-detections.scores, kind="stable")


def above_thresholds(
    detections: Detections, box_threshold: float, class_thresholds: Mapping[str, float]
) -> IntArray:
    """Boxes that reach their phrase's own threshold, or else the common one."""
    own = {phrase.casefold().strip(): value for phrase, value in class_thresholds.items()}
    minimum = [own.get(label.casefold(), box_threshold) for label in detections.labels]
    return np.flatnonzero(detections.scores >= np.array(minimum, np.float32))


def without_negatives(detections: Detections, negatives: Collection[str]) -> IntArray:
    """Boxes of no negative phrase, and of none that one of them fits better."""
    is_negative = np.array([label in negatives for label in detections.labels], bool)
    positives, unwanted = np.flatnonzero(~is_negative), np.flatnonzero(is_negative)
    boxes, scores = detections.boxes_xyxy, detections.scores
    overlaps = iou(boxes[positives], boxes[unwanted]) >= SAME_THING_IOU
    fits_better = scores[unwanted][None, :] > scores[positives][:, None]
    rows: IntArray = positives[~np.any(overlaps & fits_better, axis=1)]
    return rows


def without_covered(detections: Detections, excluded: Detections) -> IntArray:
    """Boxes that no excluded box of another phrase covers with about the same confidence."""
    if not len(detections) or not len(excluded):
        return np.arange(len(detections))
    same_thing = iou(detections.boxes_xyxy, excluded.boxes_xyxy) >= SAME_THING_IOU
    other = np.array([[one != another for another in excluded.labels] for one in detections.labels])
    confident = excluded.scores[None, :] >= EXCLUDED_SCORE * detections.scores[:, None]
    return np.flatnonzero(~np.any(same_thing & other & confident, axis=1))


def suppress(detections: Detections, alternatives: Collection[str] = ()) -> IntArray:
    """Boxes that repeat no better one: of the same phrase, or nearly the same box of another.

    ``alternatives`` are phrases that may name one thing ("cup", "mug"): among them boxes repeat
    each other that lie on the same thing. Best first. An example with IoUs of 0.9 and 0.3:

        cup 0.8, mug 0.7 (0.9 with the cup), cup 0.6 (0.3 with the first)   ->   cup 0.8, cup 0.6
    """
    order = best_first(detections)
    boxes = detections.boxes_xyxy[order]
    overlap = iou(boxes, boxes)
    labels = np.array([detections.labels[row].casefold() for row in order], object)
    among = np.isin(labels, [phrase.casefold() for phrase in alternatives])
    across = np.where(among[:, None] & among, SAME_THING_IOU, ACROSS_PHRASES_IOU)
    limit = np.where(labels[:, None] == labels, SAME_PHRASE_IOU, across)
    return order[_greedy(overlap > limit)]


def without_repeats(boxes_xyxy: FloatArray, scores: FloatArray, nms_threshold: float) -> IntArray:
    """Rows of (N, 4) boxes that overlap no better one by more than a threshold, best first.

    >>> nearly = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10]], np.float32)
    >>> without_repeats(nearly, np.array([0.8, 0.9, 0.5], np.float32), 0.7).tolist()
    [1, 2]
    """
    order = np.argsort(-scores, kind="stable")
    boxes = boxes_xyxy[order]
    return order[_greedy(iou(boxes, boxes) > nms_threshold)]


def _greedy(repeats: BoolArray) -> list[int]:
    """Positions that repeat none of those kept before; ``repeats`` (N, N) is by position."""
    keep: list[int] = []
    for index in range(len(repeats)):
        if not repeats[index, keep].any():
            keep.append(index)
    return keep


def without_groups(detections: Detections) -> IntArray:
    """Boxes that are not drawn round a group whose members have boxes of their own.

    +-----------------+
    | +-----+ +-----+ |     "dog", one box round two dogs: the outer box goes if both inner
    | |  A  | |  B  | |     boxes lie in it, are clearly smaller, have about its confidence,
    | +-----+ +-----+ |     and fill at least GROUP_FILLED of it
    +-----------------+

    >>> boxes = np.array([[0, 0, 100, 50], [2, 5, 48, 48], [52, 5, 98, 48]], np.float32)
    >>> scores = np.array([0.5, 0.8, 0.7], np.float32)
    >>> without_groups(Detections(boxes, scores, ("dog",) * 3)).tolist()
    [1, 2]
    >>> without_groups(Detections(boxes, scores, ("sofa", "dog", "dog"))).tolist()
    [0, 1, 2]
    """
    if len(detections) < 3:
        return np.arange(len(detections))
    boxes, scores = detections.boxes_xyxy, detections.scores
    areas = area(boxes)
    is_inside = intersection(boxes, boxes) >= GROUP_INSIDE * areas[None, :]
    keep = np.ones(len(detections), bool)
    for index, label in enumerate(detections.labels):
        members = is_inside[index] & (areas <= GROUP_PART * areas[index])
        members &= scores >= GROUP_SCORE * scores[index]
        members &= np.array([other == label for other in detections.labels])
        if members.sum() >= 2:
            keep[index] = _filled(boxes[index], boxes[members]) < GROUP_FILLED
    return np.flatnonzero(keep)


def _filled(box: FloatArray, members: FloatArray) -> float:
    """Return the part of a (4,) box that (N, 4) boxes cover, counted on a grid."""
    steps = (np.arange(_GRID) + 0.5) / _GRID
    x = box[0] + steps * (box[2] - box[0])
    y = box[1] + steps * (box[3] - box[1])
    across = (x >= members[:, 0, None]) & (x <= members[:, 2, None])
    down = (y >= members[:, 1, None]) & (y <= members[:, 3, None])
    return float((down[:, :, None] & across[:, None, :]).any(axis=0).mean())
