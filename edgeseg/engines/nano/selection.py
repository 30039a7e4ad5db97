"""Box selection for one phrase across detector scales: consensus, suppression, box voting.

A large object that one scale detects and another doubts, in steps:

    scale 0   score 0.60   logit  0.41     the highest-scoring box
    scale 1   score 0.10   logit -2.20     IoU above VOTING_IOU, so it votes on the same object
    scale 2   nothing there

    score penalty     second-best scale minus best: -2.20 - 0.41 = -2.60, at least MIN_PENALTY
    consensus weight  0.5 for an object of a quarter of the image; 0 for a small one
    score             sigmoid(0.41 + 0.5 * -2.60) = 0.29
"""

from __future__ import annotations

import numpy as np

from edgeseg.engines.nano.letterbox import sigmoid
from edgeseg.selection.boxes import area, intersection, iou
from edgeseg.types import BoolArray, FloatArray, IntArray

SAME_OBJECT_IOU = 0.6
VOTING_IOU = 0.75
"""Boxes from this IoU on, of any scale, vote on each other's score and position."""
SCORE_FLOOR = 0.01
"""Cells below are left out: beside a box above the threshold they count less than MIN_PENALTY."""
# Boxes per phrase that go into suppression; an image with more of one thing is a crowd.
CANDIDATES = 400

# Only the finest scale can resolve a small object; any two of three should detect a large one.
SMALL, LARGE = 0.01, 0.05
"""Shares of the image's area between which the consensus weight grows from 0 to its maximum."""
MAX_CONSENSUS_WEIGHT = 0.5
MIN_PENALTY = -4.0
"""Lower bound of what the second-best scale takes from the best one's logit."""
NESTED_FROM = 0.5
"""Share of the smaller of two boxes inside the other from which the lower-scoring one loses."""
NESTED_PENALTY = 0.5
"""What a box loses of its logit when all of the smaller box is inside the larger."""


def select(
    boxes: FloatArray, logits: FloatArray, scales: IntArray, area_px: int, threshold: float
) -> tuple[FloatArray, FloatArray]:
    """(K, 4) boxes and (K,) scores of one phrase, from (L, 4) boxes, (L,) logits and (L,) scales.

    A selected box is the score-weighted mean of all boxes that overlap it (box voting; Gidaris and
    Komodakis, 2015). Its score is that of its own scale, less a penalty where the other scales do
    not confirm it, and less where it is nested with a higher-scoring box: a part of an object, or
    an object and its neighbour. ``area_px`` is that of the image.
    """
    scores, all_scales = sigmoid(logits), np.unique(scales)
    above_floor = scores >= min(threshold, SCORE_FLOOR)
    boxes, logits = boxes[above_floor], logits[above_floor]
    scores, scales = scores[above_floor], scales[above_floor]
    rows = np.flatnonzero(scores >= threshold)
    rows = rows[np.argsort(-logits[rows], kind="stable")][:CANDIDATES]
    overlap = iou(boxes[rows], boxes)
    votes = overlap > VOTING_IOU
    voting_logits = np.where(votes, logits, -np.inf)
    best = [voting_logits[:, scales == scale].max(1, initial=-np.inf) for scale in all_scales]
    weight = _consensus_weight(area(boxes[rows]) / np.float32(area_px))
    consensus = logits[rows] + weight * _penalty(logits[rows], np.stack(best))
    keep = _suppress(overlap[:, rows], consensus)
    voted, consensus = _vote(boxes[rows[keep]], votes[keep], boxes, scores), consensus[keep]
    final = sigmoid(consensus - NESTED_PENALTY * _nesting(voted, consensus))
    selected = final >= threshold
    return voted[selected], final[selected]


def _suppress(overlap: FloatArray, logits: FloatArray) -> IntArray:
    """Rows that non-maximum suppression keeps, best first; ``overlap`` is their (N, N) IoU."""
    repeats = overlap > SAME_OBJECT_IOU
    suppressed = np.zeros(len(logits), bool)
    keep: list[int] = []
    for index in np.argsort(-logits, kind="stable"):
        if not suppressed[index]:
            keep.append(int(index))
            suppressed |= repeats[index]
    return np.array(keep, np.int64)


def _vote(
    selected: FloatArray, votes: BoolArray, boxes: FloatArray, scores: FloatArray
) -> FloatArray:
    """(K, 4) means of (L, 4) boxes, weighted by score; ``votes`` (K, L) says which count for each.

    Boxes below the threshold vote too: the threshold decides what is returned, not where it lies.
    """
    weights = votes * scores
    total = weights.sum(1, keepdims=True)
    # A box without area overlaps nothing, not even itself.
    mean: FloatArray = np.where(total > 0, weights @ boxes / np.maximum(total, 1e-9), selected)
    return mean.astype(np.float32)


def _consensus_weight(shares: FloatArray) -> FloatArray:
    """(K,) weight of the second-best scale, from (K,) shares of the image's area."""
    return np.interp(shares, [SMALL, LARGE], [0, MAX_CONSENSUS_WEIGHT]).astype(np.float32)


def _penalty(logits: FloatArray, best: FloatArray) -> FloatArray:
    """(K,) second-best of (N, K) best logits per scale minus (K,) logits, MIN_PENALTY to 0."""
    second = np.sort(best, axis=0)[-2:][0]
    penalty: FloatArray = np.clip(second - logits, MIN_PENALTY, 0).astype(np.float32)
    return penalty


def _nesting(boxes: FloatArray, logits: FloatArray) -> FloatArray:
    """(K,) from 0 to 1: how far each box is nested with a higher-scoring one."""
    areas = area(boxes)
    smaller = np.maximum(np.minimum(areas[:, None], areas[None, :]), 1e-9)
    nested = (intersection(boxes, boxes) / smaller) * (logits[None, :] > logits[:, None])
    over = np.clip((nested - NESTED_FROM) / (1 - NESTED_FROM), 0, 1)
    return np.asarray(over.max(1, initial=0), np.float32)
