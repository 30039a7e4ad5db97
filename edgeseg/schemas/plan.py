"""Plans: which stages a request goes through, in order."""

from __future__ import annotations

from edgeseg.schemas.classes import ClassesRequest
from edgeseg.schemas.entities import EntitiesRequest
from edgeseg.schemas.requests import (
    DetectRequest,
    MasksRequest,
    RefineRequest,
    SegmentRequest,
    SimplifyRequest,
)
from edgeseg.settings import Role

TaskRequest = (
    SimplifyRequest
    | DetectRequest
    | MasksRequest
    | ClassesRequest
    | RefineRequest
    | EntitiesRequest
)


def plan(request: TaskRequest, grounder: str | None = None) -> tuple[Role, ...]:
    """Return the stages that a request goes through, in order.

    ``grounder`` is the grounding engine that the settings choose, if any: it takes the place of
    detect and segment.
    """
    if isinstance(request, SimplifyRequest):
        return ("simplify",)
    if isinstance(request, RefineRequest | MasksRequest):
        return ("segment",)
    if isinstance(request, ClassesRequest):
        return ("classify",)
    grounds = request.engines.ground or (grounder and not request.engines.detect)
    if isinstance(request, EntitiesRequest):
        return ("extract", *(("ground",) if grounds else ("detect", "segment")), "embed")
    first: tuple[Role, ...] = () if request.simplify == "never" else ("simplify",)
    if not isinstance(request, SegmentRequest):
        return (*first, "detect")
    if grounds:
        return (*first, "ground")
    return (*first, "detect", "segment")
