"""Masks of several crops of one image, made one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeseg.codecs import window_to_rle
from edgeseg.engines.components import pieces
from edgeseg.engines.paste import paste
from edgeseg.everything.quality import cut_off
from edgeseg.everything.scan import Found
from edgeseg.schemas import Rle
from edgeseg.selection.boxes import without_repeats
from edgeseg.tiling import Tile
from edgeseg.types import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Placed:
    """A mask and the crop that showed it."""

    crop: Tile
    found: Found

    @property
    def score(self) -> float:
        """The predicted IoU."""
        return self.found.score

    def mask(self, size_hw: tuple[int, int], min_area_px: int = 0) -> Rle:
        """Return the mask in pixels of the image, without islands and holes that are smaller."""
        if self.found.rle is not None:
            return self.found.rle
        mask = np.zeros((self.crop.y1 - self.crop.y0, self.crop.x1 - self.crop.x0), bool)
        paste(mask, self.found.window_xyxy, self.found.logits)
        return window_to_rle(_tidy(mask, min_area_px), self.crop.corner_xy, size_hw)


def best_of_all(
    found: Sequence[tuple[Tile, Sequence[Found]]], size_hw: tuple[int, int], nms_threshold: float
) -> list[Placed]:
    """Return the masks of all crops, best first, without repeats and without what a crop cuts off.

    Of two masks of one thing that of the smaller crop stays, since it was seen more closely.
    """
    placed = [Placed(crop, each) for crop, some in found for each in some]
    boxes = np.array([_box(each) for each in placed], np.float32).reshape(-1, 4)
    windows = np.array(
        [[each.crop.x0, each.crop.y0, each.crop.x1, each.crop.y1] for each in placed], np.float32
    ).reshape(-1, 4)
    whole = np.flatnonzero(~cut_off(boxes, windows, size_hw))
    # A score is at most 1, so that every layer comes before the one above it.
    scores = np.array([each.crop.level * 2 + each.score for each in placed], np.float32)
    kept = whole[without_repeats(boxes[whole], scores[whole], nms_threshold)]
    return sorted((placed[row] for row in kept), key=lambda each: -each.score)


def _box(placed: Placed) -> FloatArray:
    corner = np.array(placed.crop.corner_xy, np.float32)
    box: FloatArray = placed.found.box_xyxy + np.tile(corner, 2)
    return box


def _tidy(mask: BoolArray, min_area_px: int) -> BoolArray:
    if min_area_px and mask.any():
        islands, sizes = pieces(mask)
        # The largest stays, however small it is.
        mask = np.append(sizes >= min(min_area_px, sizes.max()), False)[islands]
    if min_area_px and not mask.all():
        holes, gaps = pieces(~mask)
        mask = mask | np.append(gaps < min_area_px, False)[holes]
    return mask
