"""Detection on the whole image and, where the request asks for it, on tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeseg.schemas import DetectRequest
from edgeseg.selection import boxes
from edgeseg.tiling.merge import View
from edgeseg.tiling.tiles import LARGE_PX, few, pyramid, whole
from edgeseg.types import Detections, Image

# How far thresholds are raised towards 1 on tiles that the request did not ask for.
STRICTER = 0.2
DetectOn = Callable[[Image, Sequence[str], float], Detections]
"""Boxes of phrases in an image whose score reaches a minimum."""


def detect_views(
    detect_on: DetectOn,
    image: Image,
    request: DetectRequest,
    asked: list[str],
    negatives: set[str],
) -> list[View]:
    """Detect on the whole image, and on tiles where the request asks for them.

    With "auto", tiles are searched only for phrases that the whole image does not show, with
    higher thresholds: every further forward pass is another chance of a false positive.
    """
    on_whole = detect_on(image, asked, _min_threshold(request))
    views = [(whole(image.size_hw), on_whole)]
    if request.tile == "always":
        tiles = pyramid(image.size_hw)
        views += [
            (tile, detect_on(tile.cut(image), asked, _min_threshold(request))) for tile in tiles
        ]
    elif request.tile == "auto" and max(image.size_hw) >= LARGE_PX:
        rows = boxes.above_thresholds(on_whole, request.box_threshold, request.class_thresholds)
        shown = on_whole.take(rows)
        missing = [name for name in asked if name not in {*negatives, *shown.labels}]
        strictly = _more_strictly(request)
        for tile in few(image.size_hw) if missing else []:
            detections = detect_on(
                tile.cut(image), [*missing, *negatives], _min_threshold(strictly)
            )
            rows = boxes.above_thresholds(
                detections, strictly.box_threshold, strictly.class_thresholds
            )
            views.append((tile, detections.take(rows)))
    return views


def _more_strictly(request: DetectRequest) -> DetectRequest:
    """Return the request with thresholds part of the way to 1."""
    raised = {
        name: value + STRICTER * (1 - value) for name, value in request.class_thresholds.items()
    }
    box_threshold = request.box_threshold + STRICTER * (1 - request.box_threshold)
    return request.model_copy(update={"box_threshold": box_threshold, "class_thresholds": raised})


def _min_threshold(request: DetectRequest) -> float:
    """Return the lowest threshold that any phrase has."""
    return min([request.box_threshold, *request.class_thresholds.values()])
