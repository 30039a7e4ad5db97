"""What every labelling tool asks for: objects for words, one object for clicks and a box."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from backend import gateway
from backend.refinements import submit_refinement
from backend.services import Services
from backend.uploads import Upload
from edgeseg import budget
from edgeseg.errors import InputError
from edgeseg.schemas import (
    MasksRequest,
    RefineRequest,
    RefineResult,
    SegmentationResult,
    SegmentedObject,
    SegmentRequest,
    parse,
    plan,
)


async def segment(
    services: Services, request: Request, upload: Upload, prompt: str, **options: Any
) -> SegmentationResult:
    """Return the objects that a prompt names; ``options`` are fields of a SegmentRequest.

    Raises InvalidParameterError, and what a task fails with.
    """
    asked = {"text_prompt": prompt, "visualization": False, **options}
    segment_request = parse(SegmentRequest, asked)
    limit, size_hw = services.settings.max_request_cost, (upload.height, upload.width)
    cost = budget.require_within(limit, segment_request, None, size_hw)
    task_id = await gateway.submit(
        services,
        request,
        "segment",
        plan(segment_request, services.settings.engine_for("ground")),
        segment_request,
        prompt,
        [upload],
        budget.is_large(cost, limit),
    )
    record = await gateway.wait_for(services, task_id)
    return SegmentationResult.model_validate_json(record.result_json or "")


async def click(
    services: Services, request: Request, upload: Upload, refinement: RefineRequest
) -> SegmentedObject:
    """Return what clicks and a box show; the segmenter keeps the embedding of the image."""
    nothing = MasksRequest(points_per_side=0, visualization=False)
    task_id = await gateway.submit(services, request, "masks", plan(nothing), nothing, "", [upload])
    parent = await gateway.wait_for(services, task_id)
    child_id = await submit_refinement(services, request, parent, refinement)
    record = await gateway.wait_for(services, child_id)
    return RefineResult.model_validate_json(record.result_json or "").object


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body of a request; raise InputError unless it is a JSON object."""
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InputError("Expected a JSON object.")
    return body
