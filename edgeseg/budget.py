"""The cost of a request before it is worked on, and the largest that a server takes.

    cost = (phrases + 10) * megapixels of all views, each of which counts for one at most

A view is the whole image or one of its tiles: engines scale each to about a megapixel. To encode a
view costs as much as to look for ten phrases in it. Twenty phrases in 12 megapixels:

    tile=never     1 view       1 megapixel      cost    30
    tile=auto     13 views     13 megapixels     cost   390
    tile=always  115 views     50 megapixels     cost 1,502

A class of a pack costs as much as a phrase, and a quarter more for each megapixel that its mask is
drawn in.

To click on everything costs as much for two clicks as for a phrase: 16x16 clicks cost 138.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgeseg import everything, tiling
from edgeseg.errors import RequestTooCostlyError
from edgeseg.schemas import ClassesRequest, DetectRequest, MasksRequest, Simplification
from edgeseg.stages import as_it_is, phrases_of

PHRASES_PER_VIEW = 10
# To draw a class over a megapixel of the image costs as much as to look for this much of a phrase.
PHRASES_PER_DRAWN_MEGAPIXEL = 0.25
# What a request for all classes of a pack is taken to ask for.
ALL_CLASSES = 20
CLICKS_PER_PHRASE = 2
# A request with a larger share of the budget lets smaller ones go first.
LARGE_SHARE = 0.1


def cost_of(
    request: DetectRequest, simplification: Simplification | None, size_hw: tuple[int, int]
) -> float:
    """Return the cost of finding the phrases of a request in an image of (height, width).

    Without a simplification its prompt is split at the dots.
    """
    phrases = len(phrases_of(request, simplification or as_it_is(request)))
    return (phrases + PHRASES_PER_VIEW) * _megapixels(request, size_hw)


def require_within(
    limit: float,
    request: DetectRequest,
    simplification: Simplification | None,
    size_hw: tuple[int, int],
) -> float:
    """Return the cost of a request; raise RequestTooCostlyError, which says what to lower."""
    cost = cost_of(request, simplification, size_hw)
    if cost <= limit:
        return cost
    phrases = len(phrases_of(request, simplification or as_it_is(request)))
    max_phrases = int(limit / _megapixels(request, size_hw)) - PHRASES_PER_VIEW
    advice = [f"at most {max_phrases} phrases" if max_phrases > 0 else "a smaller image"]
    if request.tile != "never":
        advice.append("tile=auto" if request.tile == "always" else "tile=never")
    raise RequestTooCostlyError(
        f"{phrases} phrases in {size_hw[1]}x{size_hw[0]} pixels with tile={request.tile} cost "
        f"{cost:.0f}, and the limit is {limit:g}: send {' or '.join(advice)}.",
        cost=round(cost),
        limit=limit,
        phrases=phrases,
        tile=request.tile,
    )


def require_clicks_within(limit: float, request: MasksRequest, size_hw: tuple[int, int]) -> float:
    """Return the cost of clicks on everything; raise as `require_within` does."""
    crops = everything.crops(size_hw, request.crop_layers)
    clicks = [math.ceil(request.points_per_side / 2**crop.level) ** 2 for crop in crops]
    cost: float = sum(
        (count / CLICKS_PER_PHRASE + PHRASES_PER_VIEW) * min(crop.pixels / 1e6, 1.0)
        for crop, count in zip(crops, clicks, strict=True)
    )
    if cost <= limit:
        return cost
    advice = "fewer points_per_side" + (" or crop_layers" if request.crop_layers else "")
    raise RequestTooCostlyError(
        f"{sum(clicks)} clicks in {size_hw[1]}x{size_hw[0]} pixels cost {cost:.0f}, and the limit "
        f"is {limit:g}: send {advice}.",
        cost=round(cost),
        limit=limit,
        clicks=sum(clicks),
    )


def require_classes_within(
    limit: float, request: ClassesRequest, size_hw: tuple[int, int]
) -> float:
    """Return the cost of classes of a pack; raise as `require_within` does."""
    classes = ALL_CLASSES if request.classes is None else len(request.classes)
    megapixels = size_hw[0] * size_hw[1] / 1e6
    drawn = PHRASES_PER_DRAWN_MEGAPIXEL * megapixels
    cost = (classes + PHRASES_PER_VIEW) * min(megapixels, 1.0) + classes * drawn
    if cost <= limit:
        return cost
    raise RequestTooCostlyError(
        f"{classes} classes in {size_hw[1]}x{size_hw[0]} pixels cost {cost:.0f}, and the limit is "
        f"{limit:g}: send a smaller image or fewer classes.",
        cost=round(cost),
        limit=limit,
        classes=classes,
    )


def require_all_within(
    limit: float, requests: Sequence[tuple[DetectRequest, Simplification | None, tuple[int, int]]]
) -> float:
    """Return the cost of a request on several images; raise as `require_within` does."""
    cost = sum(cost_of(*each) for each in requests)
    if cost <= limit:
        return cost
    raise RequestTooCostlyError(
        f"The {len(requests)} images with all that is looked for in them cost {cost:.0f}, and the "
        f"limit is {limit:g}: send fewer or smaller images, or tile=never.",
        cost=round(cost),
        limit=limit,
        images=len(requests),
    )


def is_large(cost: float, limit: float) -> bool:
    """Whether a request of this cost lets smaller ones go first."""
    return cost > LARGE_SHARE * limit


def _megapixels(request: DetectRequest, size_hw: tuple[int, int]) -> float:
    views = tiling.views(size_hw, request.tile)
    return sum(min(view.pixels / 1e6, 1.0) for view in views)
