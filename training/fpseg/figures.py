"""How right masks and label maps are: mean IoU by arg-max, and the original's pooled figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from edgeseg.engines.fpseg.model import enlarged
from edgeseg.evaluation.label_maps import NOT_COUNTED, confusion_of, ious
from edgeseg.types import IntArray, UInt8Array
from training.fpseg.config import Size
from training.fpseg.data import LabelledPhotos, resized
from training.fpseg.pairs import Pair

# Classes that are enlarged to the photo's size at one time.
CHUNK = 4
Predict = Callable[[str, Sequence[int]], Tensor]
"""(N, h, w) logits of rows on the photo of a key."""


@dataclass
class Figures:
    """What was measured on ``images`` photos.

    ``pooled`` is the original's "mIoU": the IoU over all pixels of pairs of a photo and a class.
    """

    names: tuple[str, ...]
    """Of the evaluated classes."""
    table: IntArray
    """(N, N + 1) pixels by true and found class; the last: none."""
    images: int = 0
    inside: int = 0
    either: int = 0

    @property
    def miou(self) -> float:
        """The mean IoU of the classes that are labelled or found."""
        values = ious(self.table)
        return float(np.nanmean(values)) if not np.isnan(values).all() else 0.0

    @property
    def pooled(self) -> float:
        """Pixels that are in both masks, over pixels that are in either."""
        return self.inside / self.either if self.either else 0.0

    def as_json(self) -> dict[str, object]:
        """Return all figures as JSON values."""
        values = zip(self.names, ious(self.table), strict=True)
        return {
            "miou": round(self.miou, 4),
            "pooled": round(self.pooled, 4),
            "per_class": {name: round(float(v), 4) for name, v in values if v == v},
            "images": self.images,
            "confusion": {"classes": [*self.names, "none"], "pixels": self.table.tolist()},
        }


@torch.no_grad()
def measure(
    predict: Predict,
    photos: LabelledPhotos,
    pairs: Sequence[Pair],
    target_hw: Size = (0, 0),
    limit: int | None = None,
) -> Figures:
    """Decode the evaluated rows of each photo, and the rows that it is paired with.

    Labels are compared at ``target_hw``, or at their own size where that is 0.
    """
    table, rows = photos.table, photos.table.evaluated
    names = tuple(table.names[row] for row in rows)
    figures = Figures(names, np.zeros((len(rows), len(rows) + 1), np.int64))
    asked: dict[int, list[int]] = {}
    for pair in pairs:
        asked.setdefault(pair.photo, []).append(pair.row)
    for number, key in enumerate(tqdm(photos.keys[:limit], desc="test", leave=False)):
        ids = photos.ids(key)
        if all(target_hw):
            ids = resized(ids, target_hw, nearest=True)
        wanted = list(dict.fromkeys([*rows, *asked.get(number, [])]))
        logits = predict(key, wanted)
        chooser = _Chooser(rows, ids.shape)
        for start in range(0, len(wanted), CHUNK):
            some = wanted[start : start + CHUNK]
            large = enlarged(logits[start : start + CHUNK], (ids.shape[0], ids.shape[1]))
            for row, one in zip(some, large, strict=True):
                chooser.add(row, one)
                times = asked.get(number, []).count(row)
                if times:
                    _pool(figures, one > 0, table.mask(ids, row), times)
        found = chooser.places.cpu().numpy()
        figures.table += confusion_of(table.truth(ids), found, len(rows))
        figures.images += 1
    return figures


class _Chooser:
    """The evaluated row with the highest logit at each pixel, row after row."""

    def __init__(self, rows: Sequence[int], size_hw: tuple[int, ...]) -> None:
        self._place = {row: place for place, row in enumerate(rows)}
        self.places = torch.full(size_hw, NOT_COUNTED, dtype=torch.uint8)
        self._best = torch.full(size_hw, -torch.inf)

    def add(self, row: int, logits: Tensor) -> None:
        if row not in self._place:
            return
        self.places, self._best = self.places.to(logits.device), self._best.to(logits.device)
        better = logits > self._best
        self.places[better] = self._place[row]
        self._best = torch.where(better, logits, self._best)


def _pool(figures: Figures, found: Tensor, mask: UInt8Array, times: int) -> None:
    counted, true = mask != NOT_COUNTED, mask == 1
    inside = found.cpu().numpy()
    figures.inside += times * int((inside & true).sum())
    figures.either += times * int(((inside | true) & counted).sum())
