"""/tasks/{id}: state and result, its image, events, cancel, refine."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from backend import gateway
from backend.admission import AdmittedRoute
from backend.bodies import unique_names
from backend.headers import disposition
from backend.problems import responses
from backend.refinements import submit_refinement
from backend.results import read_drawing
from backend.routes.openapi import REFINE_RESPONSES, TaskId
from backend.services import ServicesDep
from edgeseg.codecs.formats import format_of
from edgeseg.errors import (
    CancelledError,
    EdgeSegError,
    InvalidParameterError,
    QueueUnavailableError,
    UnknownTaskError,
)
from edgeseg.schemas import (
    RefineRequest,
    RefineResult,
    TaskStatus,
    VisualizationType,
)
from edgeseg.tasks import TaskRecord, queue_position, redis_errors

router = APIRouter(prefix="/tasks/{task_id}", tags=["tasks"])
submitting = APIRouter(prefix="/tasks/{task_id}", tags=["tasks"], route_class=AdmittedRoute)
_MISSING = responses(UnknownTaskError, InvalidParameterError, QueueUnavailableError)
# Fewer digits than the largest id of a Redis stream, past which Redis answers with an error.
_EVENT_ID = re.compile(r"\d{1,19}(-\d{1,19})?", re.ASCII)
_SSE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"example": (
    'event: finished\ndata: {"type": "finished", "stage": "detect", '
    '"at": 1730000000.1, "data": {"objects": 2}}\nid: 1730000000000-0\n\n'
)}}}}  # fmt: skip

_IMAGE_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"image/*": {}}}
}


@router.get("", response_model=TaskStatus, responses=_MISSING)
async def get_task(task_id: TaskId, services: ServicesDep) -> TaskStatus:
    """Return where a task stands, and its result or problem once it has ended."""
    record = await gateway.read_task(services, task_id)
    status = _status(record, await read_drawing(services, record))
    if record.status != "queued" or record.stage is None:
        return status
    position = await queue_position(services.watch.connection, record.id, record.stage)
    return status.model_copy(update={"queue_position": position})


@router.delete("", response_model=TaskStatus, responses={**_MISSING, **responses(CancelledError)})
async def cancel_task(task_id: TaskId, services: ServicesDep) -> TaskStatus:
    """Cancel a task: what waits is withdrawn, what runs ends without a result.

    A task that has ended stays as it is; its state is returned.
    """
    await gateway.read_task(services, task_id)
    await gateway.cancel(services, task_id)
    return _status(await gateway.read_task(services, task_id))


@router.get("/image", response_class=Response, responses={**_MISSING, **_IMAGE_FILE})
async def task_image(
    task_id: TaskId,
    services: ServicesDep,
    index: Annotated[
        int,
        Query(ge=0, description="Which of several images, from 0.", examples=[0]),
    ] = 0,
) -> Response:
    """Return an image of a task as it was sent, under the name that it had.

    It lives as long as its task.
    """
    record = await gateway.read_task(services, task_id)
    if index >= len(record.images):
        raise InvalidParameterError(
            f"index: the task has {len(record.images)} images, and none at {index}."
        )
    image = record.images[index]
    with redis_errors():
        data = await to_thread.run_sync(services.store.image, image, limiter=services.submitters)
    if not data:
        raise InvalidParameterError(f"index: the image at {index} could not be read when it came.")
    headers = {
        "Content-Disposition": disposition("inline", image.name),
        "Cache-Control": "private, no-cache",
    }
    return Response(data, media_type=f"image/{format_of(data).lower()}", headers=headers)


async def _last_event(
    task_id: TaskId,
    services: ServicesDep,
    last_event_id: Annotated[
        str | None,
        Header(
            description="Continue after this event, as EventSource does.",
            examples=["1730000000000-0"],
        ),
    ] = None,
    after: Annotated[
        str | None,
        Query(
            description="The same, for clients that cannot send headers.",
            examples=["1730000000000-0"],
        ),
    ] = None,
) -> str:
    """Return the id of the event to continue after; refuse before the answer has begun."""
    start = last_event_id or after or "0"
    if not _EVENT_ID.fullmatch(start):
        raise InvalidParameterError(f"Last-Event-ID: expected an event id, got {start[:64]!r}.")
    await gateway.read_task(services, task_id)
    has_ended, rows = await services.watch.since(task_id, start)
    if has_ended and not rows:
        raise HTTPException(status_code=204)
    return start


@router.get("/events", response_class=EventSourceResponse, responses={**_MISSING, **_SSE})
async def task_events(
    task_id: TaskId, services: ServicesDep, after: Annotated[str, Depends(_last_event)]
) -> AsyncIterator[ServerSentEvent]:
    """Stream the events of a task (server-sent events) until it ends.

    Asked for what comes after the last one, it answers 204, so that a browser does not come back.
    """
    # A break ends the answer, and the reader comes back with Last-Event-ID.
    with suppress(EdgeSegError):
        async for event in services.watch.events(task_id, after):
            data = event.model_dump_json(exclude={"id"})
            yield ServerSentEvent(raw_data=data, event=event.type, id=event.id)


@submitting.post(
    "/refine",
    response_model=RefineResult,
    responses=REFINE_RESPONSES,
    dependencies=[Depends(unique_names)],
)
async def refine(
    task_id: TaskId, refinement: RefineRequest, request: Request, services: ServicesDep
) -> Response:
    """Correct one object of a finished task, or add one, by points or a box.

    The image is not uploaded again. The task's result is updated.
    """
    gateway.check_engines(services, refinement.engines)
    parent = gateway.raise_for(await gateway.read_task(services, task_id))
    child_id = await submit_refinement(services, request, parent, refinement)
    return await gateway.answer(services, request, child_id)


def _status(record: TaskRecord, drawing: tuple[str, VisualizationType] | None = None) -> TaskStatus:
    result = record.result()
    if drawing is not None and result is not None:
        result["visualization"], result["visualization_type"] = drawing
    return TaskStatus.model_validate(
        {
            "task_id": record.id,
            "status": record.status,
            "prompt": record.prompt,
            "plan": record.plan,
            "stage": record.stage,
            "created_at": record.created_at,
            "finished_at": record.finished_at,
            "timings_ms": record.timings_ms,
            "result": result,
            "error": record.error.to_problem(f"/tasks/{record.id}") if record.error else None,
        }
    )
