"""Everything in an image: crops, clicks on them, and the objects that come of both."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice

from edgeseg.codecs import rle_area, rle_box
from edgeseg.engines.base import Segmenter
from edgeseg.everything.grid import crops
from edgeseg.everything.merge import best_of_all
from edgeseg.everything.scan import scan
from edgeseg.schemas import MasksRequest, SegmentedObject, as_score
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
    masks = ((each.mask(image.size_hw, request.min_area), each.score) for each in best)
    # A mask of few cells of the decoder may hold no pixel of the image.
    seen = ((mask, score, box) for mask, score in masks if (box := rle_box(mask)) is not None)
    return [
        SegmentedObject(
            id=number,
            label=OBJECT,
            score=as_score(score),
            box=box,
            mask=mask,
            area=rle_area(mask),
        )
        for number, (mask, score, box) in enumerate(islice(seen, request.max_objects))
    ]
