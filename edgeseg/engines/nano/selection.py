"""From what several looks see of one phrase to its boxes: none twice, surer where looks agree."""

from __future__ import annotations

import numpy as np

from edgeseg.engines.nano.letterbox import sigmoid
from edgeseg.selection.boxes import area, intersection, iou
from edgeseg.types import BoolArray, FloatArray, IntArray

SAME_OBJECT_IOU = 0.6
SAME_PLACE_IOU = 0.75
"""Boxes that agree so far are one place: of one look or of several, they speak for each other."""
FAINT = 0.01
"""Cells below this score are left out: beside a box that is shown, LEAST_SAY is more."""
# Boxes per phrase that go into suppression; a photo with more of one thing is a crowd.
CANDIDATES = 400

# What is small only the nearest look can see; what is large, any two of three should.
SMALL, LARGE = 0.01, 0.05
"""Parts of the photo's area, between which the second surest look's say grows to SECOND_LOOK."""
SECOND_LOOK = 0.5
LEAST_SAY = -4.0
"""How far a look can pull below the surest one's logit."""
NESTED_FROM = 0.5
"""Part of the smaller of two boxes in the other, from which the less sure of them loses."""
NESTED = 0.5
"""What it loses of its logit when the one holds all of the other."""


def select(
    boxes: FloatArray, logits: FloatArray, looks: IntArray, area_px: int, threshold: float
) -> tuple[FloatArray, FloatArray]:
    """(K, 4) boxes and (K,) scores of one phrase, from (L, 4) boxes, their (L,) logits and looks.

    A box that stays is the mean, by score, of all that lie where it does (box voting; Gidaris and
    Komodakis, 2015): several looks know its sides better than one. Its score is its own look's,
    less where the others do not see it, and where it lies in a surer box or holds one: a part of
    a thing, or a thing and what is next to it. ``area_px`` is the photo's.
    """
    scores, every_look = sigmoid(logits), np.unique(looks)
    heard = scores >= min(threshold, FAINT)
    boxes, logits, scores, looks = boxes[heard], logits[heard], scores[heard], looks[heard]
    rows = np.flatnonzero(scores >= threshold)
    rows = rows[np.argsort(-logits[rows], kind="stable")][:CANDIDATES]
    overlap = iou(boxes[rows], boxes)
    here = overlap > SAME_PLACE_IOU
    seen = np.where(here, logits, -np.inf)
    best = [seen[:, looks == each].max(1, initial=-np.inf) for each in every_look]
    shares = area(boxes[rows]) / np.float32(area_px)
    agreed = logits[rows] + _say(shares) * _doubt(logits[rows], np.stack(best))
    keep = _unrepeated(overlap[:, rows], agreed)
    kept, agreed = _mean(boxes[rows[keep]], here[keep], boxes, scores), agreed[keep]
    sure = sigmoid(agreed - NESTED * _nested(kept, agreed))
    stay = sure >= threshold
    return kept[stay], sure[stay]


def _unrepeated(overlap: FloatArray, agreed: FloatArray) -> IntArray:
    """Rows of boxes that repeat no surer one, surest first; ``overlap`` is their (N, N) IoU."""
    repeats = overlap > SAME_OBJECT_IOU
    gone = np.zeros(len(agreed), bool)
    keep: list[int] = []
    for index in np.argsort(-agreed, kind="stable"):
        if not gone[index]:
            keep.append(int(index))
            gone |= repeats[index]
    return np.array(keep, np.int64)


def _mean(kept: FloatArray, here: BoolArray, boxes: FloatArray, scores: FloatArray) -> FloatArray:
    """(K, 4) means of the (L, 4) boxes that lie where the kept ones do: ``here`` is (K, L).

    Also of those below the threshold: how sure a box must be to be shown does not move it.
    """
    votes = here * scores
    total = votes.sum(1, keepdims=True)
    # A box without area overlaps nothing, not even itself.
    mean: FloatArray = np.where(total > 0, votes @ boxes / np.maximum(total, 1e-9), kept)
    return mean.astype(np.float32)


def _say(shares: FloatArray) -> FloatArray:
    """(K,) weight of the second surest look for boxes of these (K,) parts of the photo."""
    return np.interp(shares, [SMALL, LARGE], [0, SECOND_LOOK]).astype(np.float32)


def _doubt(logit: FloatArray, best: FloatArray) -> FloatArray:
    """(K,) how far the second surest of (N, K) looks is below (K,) logits, from LEAST_SAY to 0."""
    second = np.sort(best, axis=0)[-2:][0]
    doubt: FloatArray = np.clip(second - logit, LEAST_SAY, 0).astype(np.float32)
    return doubt


def _nested(boxes: FloatArray, logit: FloatArray) -> FloatArray:
    """(K,) from 0 to 1: how far a box lies in a surer one, or holds it."""
    areas = area(boxes)
    smaller = np.maximum(np.minimum(areas[:, None], areas[None, :]), 1e-9)
    held = (intersection(boxes, boxes) / smaller) * (logit[None, :] > logit[:, None])
    over = np.clip((held - NESTED_FROM) / (1 - NESTED_FROM), 0, 1)
    return np.asarray(over.max(1, initial=0), np.float32)
