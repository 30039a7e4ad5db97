"""Everything in an image: crops, clicks on them, and the objects that come of both."""

from __future__ import annotations

import math
from collections.abc import Callable

from edgeseg.codecs import rle_area, rle_box
from edgeseg.engines.base import Segmenter
from edgeseg.everything.grid import crops
from edgeseg.everything.merge import best_of_all
from edgeseg.everything.scan import scan
from edgeseg.schemas import MasksRequest, Rle, SegmentedObject, as_score
from edgeseg.types import Embedding, Image

# The label of what nobody has named.
OBJECT = "object"


def find(
    engine: Segmenter,
    image: Image,
    request: MasksRequest,
    embed: Callable[[Image], Embedding],
    clicks_done: Callable[[int, int], None],
) -> list[SegmentedObject]:
    """Return masks of everything, best first; as `edgeseg.stages.segment_everything`."""
    parts = crops(image.size_hw, request.crop_layers)
    sides = [math.ceil(request.points_per_side / 2**part.level) for part in parts]
    done, total = 0, sum(side**2 for side in sides)

    def advance(clicks: int) -> None:
        nonlocal done
        done += clicks
        clicks_done(done, total)

    found = []
    for part, side in zip(parts, sides, strict=True):
        embedding = embed(part.cut(image))
        found.append((part, scan(engine, embedding, side, request, advance)))
    best = best_of_all(found, image.size_hw, request.nms_threshold)
    return [
        _object(number, each.mask(image.size_hw, request.min_area), each.score)
        for number, each in enumerate(best[: request.max_objects])
    ]


def _object(number: int, mask: Rle, score: float) -> SegmentedObject:
    return SegmentedObject(
        id=number,
        label=OBJECT,
        score=as_score(score),
        box=rle_box(mask) or (0.0, 0.0, 0.0, 0.0),
        mask=mask,
        area=rle_area(mask),
    )
