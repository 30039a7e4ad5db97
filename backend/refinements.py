"""Refinements of finished tasks: checked against the task, and queued as tasks of their own."""

from __future__ import annotations

from anyio import to_thread
from fastapi import Request

from backend.admission import note_submitted
from backend.gateway import require_workers, write_task
from backend.services import Services
from edgeseg.errors import InvalidParameterError, TaskNotFinishedError
from edgeseg.schemas import RefineRequest, check_refinement, new_task_id
from edgeseg.tasks import DRAWN, NewTask, TaskRecord, redis_errors


async def submit_refinement(
    services: Services, request: Request, parent: TaskRecord, refinement: RefineRequest
) -> str:
    """Queue a refinement of a finished task, and return its id.

    Raises InvalidParameterError and UnknownObjectError for what the task cannot be refined by, and
    TaskNotFinishedError.
    """
    _check_refine(parent, refinement)
    await require_workers(services, ("segment",), max_age_s=1.0)
    child = NewTask(
        kind="refine",
        plan=("segment",),
        request=refinement,
        prompt=parent.prompt,
        images=parent.images,
        parent=parent.id,
        owner=parent.owner,
        id=new_task_id(services.settings.stack),
    )
    with redis_errors():
        await to_thread.run_sync(_submit_refine, services, child, limiter=services.submitters)
    note_submitted(request)
    return child.id


def _check_refine(parent: TaskRecord, refinement: RefineRequest) -> None:
    if parent.image is None or parent.kind not in DRAWN:
        raise InvalidParameterError("Only a task of /segment or /masks can be refined.")
    result = parent.result()
    if result is None:
        raise TaskNotFinishedError(
            f"The task is {parent.status}; refine it once it is done.",
            task_id=parent.id,
            task_status=parent.status,
        )
    size_hw = (parent.image.height, parent.image.width)
    check_refinement(refinement, [row["id"] for row in result["objects"]], size_hw)


def _submit_refine(services: Services, child: NewTask) -> None:
    assert child.parent is not None
    services.store.keep(child.parent)
    write_task(services, child)
