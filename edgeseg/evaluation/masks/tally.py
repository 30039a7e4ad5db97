"""Means of all objects by kind of prompt, number of clicks and size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgeseg.evaluation.mask_metrics import SIZES_PX, clicks_needed, mean_iou, size_group
from edgeseg.evaluation.masks.protocol import NOC_TARGETS, MaskProtocol
from edgeseg.evaluation.masks.records import MaskRecord
from edgeseg.evaluation.masks.records import worst as worst_of

_SMALLEST = next(iter(SIZES_PX))


@dataclass
class _OfKind:
    """Metrics of all objects under one kind of prompt."""

    areas_px: list[int] = field(default_factory=list)
    ious: list[Sequence[float]] = field(default_factory=list)
    boundary_ious: list[Sequence[float]] = field(default_factory=list)
    worst: list[MaskRecord] = field(default_factory=list)


class MaskTally:
    """Adds up records; of each kind of prompt it keeps the ``worst`` of lowest IoU."""

    def __init__(self, protocol: MaskProtocol, worst: int = 0) -> None:
        self.protocol = protocol
        self._worst = worst
        self._kinds = {str(kind): _OfKind() for kind in protocol.kinds}

    def add(self, records: Iterable[MaskRecord]) -> None:
        """Add records of any kinds of the protocol."""
        for record in records:
            of_kind = self._kinds[record.prompt]
            of_kind.areas_px.append(record.area_px)
            of_kind.ious.append(record.ious)
            of_kind.boundary_ious.append(record.boundary_ious)
            if self._worst:
                of_kind.worst.append(record)
                if len(of_kind.worst) >= 2 * self._worst:
                    of_kind.worst = worst_of(of_kind.worst, self._worst)

    def worst(self, kind: str) -> list[MaskRecord]:
        """The records of lowest IoU under a kind of prompt alone, worst first."""
        return worst_of(self._kinds[kind].worst, self._worst)

    def miou(self) -> float:
        """Mean IoU under the first kind of prompt alone, so far."""
        first = self._kinds[str(self.protocol.kinds[0])]
        return mean_iou(ious[0] for ious in first.ious)

    def summary(self) -> dict[str, Any]:
        """Means over instances, those that are NaN left out.

        ``prompts`` has for each kind ``objects`` and ``by_clicks``, a row for each number of
        corrective clicks from 0: ``miou``, ``boundary_iou``, ``small``, ``medium``, ``large`` (mIoU
        of the objects of COCO's sizes) and ``over_small``, of the two latter together. ``noc``
        has the mean number of clicks to IoUs of 0.85 and 0.90, and the share of objects that reach
        them. ``sizes`` counts the objects.
        """
        figures: dict[str, Any] = {"prompts": {}}
        for kind, of_kind in self._kinds.items():
            if kind == "noc":
                figures["noc"] = self._noc(of_kind)
                continue
            rounds = range(self.protocol.clicks + 1)
            figures["prompts"][kind] = {
                "objects": len(of_kind.ious),
                "by_clicks": [_row(of_kind, count) for count in rounds],
            }
        areas = next(iter(self._kinds.values())).areas_px
        groups = [size_group(area) for area in areas]
        figures["sizes"] = {name: groups.count(name) for name in SIZES_PX}
        return figures

    def _noc(self, of_kind: _OfKind) -> dict[str, Any]:
        most, figures = self.protocol.noc_clicks, {"clicks": float(self.protocol.noc_clicks)}
        for target in NOC_TARGETS:
            name = f"{target * 100:.0f}"
            needed = [clicks_needed(ious, target, most) for ious in of_kind.ious]
            reached = [max(ious) >= target for ious in of_kind.ious]
            figures[f"noc{name}"] = mean_iou(needed)
            figures[f"reached{name}"] = mean_iou(reached)
        return {**figures, "objects": len(of_kind.ious)}


def _row(of_kind: _OfKind, count: int) -> dict[str, float]:
    """Means after ``count`` corrective clicks."""
    ious = [each[count] for each in of_kind.ious]
    groups = [size_group(area) for area in of_kind.areas_px]
    row = {
        "clicks": count,
        "miou": mean_iou(ious),
        "boundary_iou": mean_iou(each[count] for each in of_kind.boundary_ious),
    }
    for name in SIZES_PX:
        row[name] = mean_iou(iou for iou, group in zip(ious, groups, strict=True) if group == name)
    row["over_small"] = mean_iou(
        iou for iou, group in zip(ious, groups, strict=True) if group != _SMALLEST
    )
    return row
