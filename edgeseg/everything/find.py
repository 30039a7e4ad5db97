"""Everything in an image: crops, clicks on them, and the objects that come of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import islice

from edgeseg.codecs import rle_area, rle_box
from edgeseg.engines.base import Segmenter
from edgeseg.everything.grid import crops
from edgeseg.everything.kept import NO_CLICKS, Seen, kept, read
from edgeseg.everything.merge import Placed, best_of_all
from edgeseg.everything.scan import Scan, scan
from edgeseg.schemas import MasksRequest, SegmentedObject, as_score
from edgeseg.tiling import Tile
from edgeseg.types import Embedding, Image

# The label of what nobody has named.
OBJECT = "object"


def find(
    engine: Segmenter,
    image: Image,
    request: MasksRequest,
    embed: Callable[[Image], Embedding],
    clicks_done: Callable[[int, int], None],
    give_way: Callable[[Callable[[], Seen]], None] = lambda seen: None,
    seen: Seen = (),
) -> list[SegmentedObject]:
    """Return masks of everything, best first; as `edgeseg.stages.segment_everything`."""
    parts = crops(image.size_hw, request.crop_layers)
    sides = [math.ceil(request.points_per_side / 2**part.level) for part in parts]
    total = sum(side**2 for side in sides)
    found, progress = read(seen, parts)
    for part, side in islice(zip(parts, sides, strict=True), len(found), None):
        cut = part.cut(image)
        scanned = progress or Scan.begin(side, cut.size_hw)
        progress = None
        before = sum(each**2 for each in sides[: len(found)]) + side**2

        def after_batch(scanned: Scan = scanned, part: Tile = part, before: int = before) -> None:
            clicks_done(before - len(scanned.left), total)
            if len(scanned.left):
                give_way(lambda: kept([*found, (part, scanned)], image.size_hw, request.min_area))

        found.append(
            (part, Scan(NO_CLICKS, scan(engine, embed(cut), scanned, request, after_batch)))
        )
    of_crops = [(part, each.found) for part, each in found]
    best = best_of_all(of_crops, image.size_hw, request.nms_threshold)
    return _objects(best, image.size_hw, request)


def _objects(
    best: Sequence[Placed], size_hw: tuple[int, int], request: MasksRequest
) -> list[SegmentedObject]:
    masks = ((each.mask(size_hw, request.min_area), each.score) for each in best)
    # A mask of few cells of the decoder may hold no pixel of the image.
    shown = ((mask, score, box) for mask, score in masks if (box := rle_box(mask)) is not None)
    return [
        SegmentedObject(
            id=number,
            label=OBJECT,
            score=as_score(score),
            box=box,
            mask=mask,
            area=rle_area(mask),
        )
        for number, (mask, score, box) in enumerate(islice(shown, request.max_objects))
    ]
