"""Where a detector looks: at the whole image, and at tiles where the request wants that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeseg.schemas import DetectRequest
from edgeseg.selection import boxes
from edgeseg.tiling.merge import View
from edgeseg.tiling.tiles import LARGE_PX, few, pyramid, whole
from edgeseg.types import Detections, Image

# How far thresholds are raised towards 1 where nobody asked for tiles.
STRICTER = 0.2
See = Callable[[Image, Sequence[str], float], Detections]
"""Finds boxes of phrases that reach a score in an image."""


def looks(
    see: See,
    image: Image,
    request: DetectRequest,
    asked: list[str],
    negatives: set[str],
) -> list[View]:
    """Look at the whole image, and closely where the request wants that.

    With "auto", the tiles are looked at for what the whole does not show, and more strictly: every
    look is another chance to be wrong.
    """
    found = see(image, asked, _least(request))
    views = [(whole(image.size_hw), found)]
    if request.tile == "always":
        tiles = pyramid(image.size_hw)
        views += [(tile, see(tile.cut(image), asked, _least(request))) for tile in tiles]
    elif request.tile == "auto" and max(image.size_hw) >= LARGE_PX:
        rows = boxes.above_thresholds(found, request.box_threshold, request.class_thresholds)
        shown = found.take(rows)
        missing = [name for name in asked if name not in {*negatives, *shown.labels}]
        strictly = _more_strictly(request)
        for tile in few(image.size_hw) if missing else []:
            seen = see(tile.cut(image), [*missing, *negatives], _least(strictly))
            rows = boxes.above_thresholds(seen, strictly.box_threshold, strictly.class_thresholds)
            kept = seen.take(rows)
            views.append((tile, kept))
    return views


def _more_strictly(request: DetectRequest) -> DetectRequest:
    """Return the request with thresholds part of the way to 1."""
    raised = {
        name: value + STRICTER * (1 - value) for name, value in request.class_thresholds.items()
    }
    least = request.box_threshold + STRICTER * (1 - request.box_threshold)
    return request.model_copy(update={"box_threshold": least, "class_thresholds": raised})


def _least(request: DetectRequest) -> float:
    """Return the lowest threshold that any phrase has."""
    return min([request.box_threshold, *request.class_thresholds.values()])
