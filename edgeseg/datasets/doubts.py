"""Doubts about labels: what a person should look at first."""

from __future__ import annotations

from itertools import combinations

from pydantic import BaseModel

from edgeseg.datasets.ontology import Ontology, mask_iou
from edgeseg.schemas import SegmentationResult

# A score this close above its threshold, or classes that share so much of their masks.
_MARGIN = 0.1
_SHARED_IOU = 0.3


class Doubt(BaseModel):
    """A reason to look at an image, and how strong it is, 0 to 1."""

    kind: str
    detail: str
    weight: float


def doubts_of(result: SegmentationResult, ontology: Ontology, box_threshold: float) -> list[Doubt]:
    """Return the doubts about a result whose labels are classes, the strongest first.

    ``box_threshold`` is that of classes without one of their own.
    """
    doubts = []
    if not result.objects:
        doubts.append(Doubt(kind="nothing found", detail="no object of any class", weight=1.0))
    for each in result.objects:
        threshold = ontology.classes[each.label].threshold
        above = each.score - (box_threshold if threshold is None else threshold)
        if above < _MARGIN:
            weight = min(1.0, max(0.0, 1 - above / _MARGIN))
            detail = f"{each.label} {each.score:.2f} is near its threshold"
            doubts.append(Doubt(kind="near threshold", detail=detail, weight=round(weight, 4)))
    for one, other in combinations(result.objects, 2):
        if one.label != other.label and (iou := mask_iou(one, other)) >= _SHARED_IOU:
            detail = f"{one.label} and {other.label} share their masks, IoU {iou:.2f}"
            doubts.append(Doubt(kind="overlap", detail=detail, weight=round(iou, 4)))
    return sorted(doubts, key=lambda doubt: -doubt.weight)
