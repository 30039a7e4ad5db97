"""How far clicks on everything are, as JSON values: a stage that gives way goes on from them.

    [{"found": [[score, box, click, mask], ...], "left": []},          a crop that is done
     {"found": [[score, box, click, mask], ...], "left": [[x, y]]}]    the one that is next

Masks are run lengths in pixels of the image, null where the click alone is to be kept: some hundred
bytes each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeseg.everything.merge import Placed
from edgeseg.everything.scan import NO_LOGITS, Found, Scan
from edgeseg.schemas import Rle
from edgeseg.tiling import Tile
from edgeseg.types import FloatArray

Seen = Sequence[dict[str, Any]]
NO_CLICKS: FloatArray = np.zeros((0, 2), np.float32)


def kept(
    crops: Sequence[tuple[Tile, Scan]], size_hw: tuple[int, int], min_area_px: int
) -> list[dict[str, Any]]:
    """Return what is to be kept of crops that are done, and of the last one, which is not."""
    rows = []
    for crop, progress in crops:
        found = []
        for each in progress.found:
            rle = None if each.is_click else Placed(crop, each).mask(size_hw, min_area_px)
            mask = None if rle is None else rle.model_dump(mode="json")
            found.append([each.score, each.box_xyxy.tolist(), each.point_xy.tolist(), mask])
        rows.append({"found": found, "left": progress.left.tolist()})
    return rows


def read(seen: Seen, crops: Sequence[Tile]) -> tuple[list[tuple[Tile, Scan]], Scan | None]:
    """Return the crops that are done, and how far the next one is."""
    scans = [_scan(row) for row in seen]
    if not scans:
        return [], None
    *done, last = scans
    return list(zip(crops, done, strict=False)), last


def _scan(row: dict[str, Any]) -> Scan:
    found = [
        Found(
            NO_LOGITS,
            np.zeros(4, np.float32),
            np.array(box, np.float32),
            float(score),
            np.array(point, np.float32),
            None if mask is None else Rle.model_validate(mask),
        )
        for score, box, point, mask in row["found"]
    ]
    return Scan(np.array(row["left"], np.float32).reshape(-1, 2), found)
