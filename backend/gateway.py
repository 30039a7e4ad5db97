"""From a request to a task and back: check the image, submit, wait, answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from anyio import to_thread
from fastapi import Request, Response, UploadFile
from fastapi.responses import JSONResponse

from backend.admission import note_submitted, require_queues, reserve
from backend.headers import key_of, prefers_async
from backend.images import ImageInput, opened, opened_all
from backend.keys import owner
from backend.results import result_response
from backend.services import Services
from backend.uploads import Upload, check, read_or_refuse, read_upload
from edgeseg import budget
from edgeseg.engines import registry
from edgeseg.errors import (
    CancelledError,
    EdgeSegError,
    InputError,
    NoImageError,
    NoWorkerError,
    QueueUnavailableError,
    RequestTimeoutError,
    UnknownTaskError,
)
from edgeseg.schemas import (
    TASK_ID,
    ClassesRequest,
    DetectRequest,
    EngineChoice,
    EntitiesRequest,
    MasksRequest,
    TaskRequest,
    check_image_count,
    new_task_id,
)
from edgeseg.settings import Role
from edgeseg.tasks import (
    Claim,
    ImageRef,
    NewTask,
    TaskKind,
    TaskRecord,
    redis_errors,
    release_task,
    reserve_task,
    unserved,
)

log = logging.getLogger(__name__)
# How long a request goes on waiting for a stage that nobody serves any more.
LOST_WORKER_GRACE_S = 20.0
# Of so many images, a task lets smaller ones go first.
LARGE_IMAGES = 4


def check_engines(services: Services, chosen: EngineChoice) -> None:
    """Raise UnknownEngineError or EngineNotAllowedError before anything is queued."""
    for role in registry.ROLES:
        name = getattr(chosen, role)
        if name is not None:
            registry.require_allowed(role, name, services.settings)


async def require_workers(
    services: Services, plan: tuple[Role, ...], max_age_s: float | None = None
) -> None:
    """Raise NoWorkerError for a stage that nobody serves, nor will serve."""
    if not services.settings.require_workers:
        return
    view = await services.watch.queues.read(max_age_s)
    missing = unserved(view.queues, plan)
    if missing:
        raise NoWorkerError(f"No worker serves {', '.join(missing)}.", missing=missing)


async def submit(
    services: Services,
    request: Request,
    kind: TaskKind,
    plan: tuple[Role, ...],
    task_request: TaskRequest,
    prompt: str,
    uploads: Sequence[Upload] = (),
    is_large: bool = False,
) -> str:
    """Queue a task and return its id; with an idempotency key, that of the first such request."""
    key = key_of(request)
    require_queues(request)
    # The queues were read when the request was admitted.
    await require_workers(services, plan, max_age_s=1.0)
    task = NewTask(
        kind, plan, task_request, prompt, owner=owner(), id=new_task_id(services.settings.stack)
    )
    if uploads:
        images = tuple(_ref(each, task.id, index) for index, each in enumerate(uploads))
        timings_ms = {"decode": sum(each.decode_ms for each in uploads)}
        task = replace(task, images=images, timings_ms=timings_ms, is_large=is_large)
    files = [each.data for each in uploads]
    task_id = await to_thread.run_sync(
        _submit, services, task, files, key, limiter=services.submitters
    )
    note_submitted(request)
    facts = {"task_id": task_id, "kind": kind, **({"key": task.owner} if task.owner else {})}
    log.info("task %s queued: %s", task_id, kind, extra=facts)
    return task_id


def _ref(upload: Upload, task_id: str, index: int) -> ImageRef:
    return ImageRef(
        upload.width,
        upload.height,
        upload.sha256,
        task_id,
        upload.file_name,
        index,
        None if upload.error is None else upload.error.to_dict(),
    )


def _submit(services: Services, task: NewTask, files: Sequence[bytes], key: str | None) -> str:
    with redis_errors():
        claim = None
        if key is not None:
            hashes = [image.sha256 for image in task.images]
            facts = [task.kind, task.request.model_dump(mode="json"), hashes, task.parent]
            print_ = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
            # A key of another owner is another one.
            claim = Claim(f"{task.owner}:{key}" if task.owner else key, print_, task.id)
            earlier = services.store.claim(claim)
            if earlier is not None:
                return earlier
        try:
            write_task(services, task, files, claim)
        except BaseException:
            if claim is not None:
                services.store.release(claim)
            raise
    return task.id


def write_task(
    services: Services, task: NewTask, files: Sequence[bytes] = (), claim: Claim | None = None
) -> None:
    """Queue a task, within what its owner may have waiting; raises RateLimitedError beyond."""
    limit = services.settings.key_waiting_tasks
    if not task.owner or limit is None:
        services.chain.submit(task, files, claim)
        return
    reserve_task(services.store.connection, task.owner, task.id, limit)
    try:
        services.chain.submit(task, files, claim)
    except BaseException:
        release_task(services.store.connection, task.owner, task.id)
        raise


async def wait_for(services: Services, task_id: str) -> TaskRecord:
    """Wait for the end of a task and return its record.

    Raises what the task failed with, CancelledError, RequestTimeoutError when it takes too long
    (it goes on), and NoWorkerError when nobody serves it any more.
    """
    until = time.monotonic() + services.settings.request_timeout_s
    while True:
        left = until - time.monotonic()
        status = await services.watch.finished(task_id, min(max(left, 0), LOST_WORKER_GRACE_S))
        if status is not None:
            break
        if left <= 0:
            raise RequestTimeoutError(
                f"The task is not finished after {services.settings.request_timeout_s:g} s; "
                f"it goes on, see /tasks/{task_id}.",
                task_id=task_id,
            )
        record = await _read_own(services, task_id)
        if record.stage is not None:
            await require_workers(services, (record.stage,))
            services.admission.require_memory(await services.watch.queues.read())
    record = await _read_own(services, task_id)
    for stage, ms in record.timings_ms.items():
        services.telemetry.stage_seconds.labels(stage).observe(ms / 1000)
    spent_s = (record.finished_at or time.time()) - record.created_at
    spent_ms = round(max(0.0, spent_s) * 1000, 1)
    log.info(
        "task %s %s after %.1f ms", task_id, record.status, spent_ms,
        extra={"task_id": task_id, "status": record.status, "duration_ms": spent_ms},
    )  # fmt: skip
    return raise_for(record)


async def read_task(services: Services, task_id: str) -> TaskRecord:
    """Return a task's record without blocking the event loop; raises UnknownTaskError."""
    if not re.fullmatch(TASK_ID, task_id):
        raise UnknownTaskError(f"No task has the id {task_id[:64]!r}.")
    record = await services.watch.record(task_id)
    if record.owner != owner():
        # Nobody learns from the answer that there is such a task.
        raise UnknownTaskError(f"No task has the id {task_id!r}; finished ones expire.")
    return record


async def _read_own(services: Services, task_id: str) -> TaskRecord:
    try:
        return await read_task(services, task_id)
    except UnknownTaskError as error:
        raise QueueUnavailableError("Redis has lost the task; send the request again.") from error


def raise_for(record: TaskRecord) -> TaskRecord:
    """Return the record of a task that is done; raise the error of one that failed."""
    if record.error is not None:
        error = record.error
        raise type(error)(error.detail, **{**error.extra, "task_id": record.id})
    if record.status == "cancelled":
        raise CancelledError("The task was cancelled.", task_id=record.id)
    return record


async def run_on_image(
    services: Services,
    request: Request,
    kind: TaskKind,
    plan: tuple[Role, ...],
    task_request: DetectRequest | MasksRequest | ClassesRequest,
    image: ImageInput | None,
) -> Response:
    """Take a request with an image through its plan and answer.

    A client that waits has its image read to the end while the first stage runs, so that the
    check costs no time; one that does not wait gets its 202 only for an image that is whole.
    """
    check_engines(services, task_request.engines)
    waits = not prefers_async(request)

    async def submit_image(file: UploadFile | None) -> str:
        # Its bytes are held here only: who waits has them on disk.
        upload = await read_upload(services, file, to_the_end=not waits)
        await reserve(request, len(upload.data))
        limit = services.settings.max_request_cost
        size_hw = (upload.height, upload.width)
        if isinstance(task_request, ClassesRequest):
            prompt, cost = "", budget.require_classes_within(limit, task_request, size_hw)
        elif isinstance(task_request, MasksRequest):
            prompt, cost = "", budget.require_clicks_within(limit, task_request, size_hw)
        else:
            prompt = task_request.text_prompt
            cost = budget.require_within(limit, task_request, None, size_hw)
        is_large = budget.is_large(cost, limit)
        return await submit(services, request, kind, plan, task_request, prompt, [upload], is_large)

    async with opened(services, image) as file:
        task_id = await submit_image(file)
        return await answer(services, request, task_id, unchecked=file if waits else None)


async def run_on_images(
    services: Services,
    request: Request,
    plan: tuple[Role, ...],
    form: EntitiesRequest,
    contextual: Sequence[ImageInput],
    generated: ImageInput | None,
) -> Response:
    """Take a request with several images through its plan and answer.

    Raises NoImageError without a generated image, TooManyImagesError, and, where no image can be
    read, what the first one is refused for.
    """
    check_engines(services, form.engines)
    if generated is None:
        raise NoImageError("The request has no image in its field 'generated'.")
    check_image_count(len(contextual) + 1)

    async def submit_images(files: Sequence[UploadFile | InputError]) -> str:
        # Their bytes are held here only: who waits has them on disk.
        uploads = [await read_or_refuse(services, each) for each in files]
        await reserve(request, sum(len(each.data) for each in uploads))
        if all(each.error for each in uploads):
            raise cast(EdgeSegError, uploads[0].error)
        # What is looked for is not known yet; alone, many images are work for long.
        is_large = len(uploads) > LARGE_IMAGES
        prompt = form.text_prompt
        return await submit(services, request, "entities", plan, form, prompt, uploads, is_large)

    async with opened_all(services, [*contextual, generated]) as files, services.batches:
        task_id = await submit_images(files)
    return await answer(services, request, task_id)


async def answer(
    services: Services, request: Request, task_id: str, unchecked: UploadFile | None = None
) -> Response:
    """Answer with the result, or with 202 at once when the client prefers that.

    An image that is ``unchecked`` is checked meanwhile; if it is broken the task is cancelled. A
    client that leaves cancels its task too, unless an idempotency key says that it may ask again.
    """
    if prefers_async(request):
        url = str(request.app.url_path_for("get_task", task_id=task_id))
        body = {"task_id": task_id, "status": "queued", "url": url, "events": f"{url}/events"}
        headers = {"Location": url, "Preference-Applied": "respond-async"}
        return JSONResponse(body, 202, headers=headers)
    leaving: asyncio.Future[None] | None = None
    if "idempotency-key" not in request.headers:
        leaving = asyncio.ensure_future(_cancel_when_left(services, request, task_id))
    try:
        waiting = asyncio.ensure_future(wait_for(services, task_id))
        if unchecked is not None:
            await _check_beside(services, task_id, unchecked, waiting)
        record = await waiting
    except EdgeSegError as error:
        error.extra.setdefault("task_id", task_id)
        raise
    finally:
        if leaving is not None:
            leaving.cancel()
    return await result_response(services, record)


async def until_left(request: Request) -> None:
    """Wait until the client has closed its connection; its body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _cancel_when_left(services: Services, request: Request, task_id: str) -> None:
    """Cancel a task once the client that waits for it has closed its connection."""
    await until_left(request)
    log.info("task %s cancelled: its client has left", task_id, extra={"task_id": task_id})
    await cancel(services, task_id)


async def cancel(services: Services, task_id: str) -> None:
    """Cancel a task that has not ended, and withdraw what waits of it."""

    def run() -> None:
        if services.store.cancel(task_id):
            services.chain.withdraw(task_id)

    with redis_errors():
        await to_thread.run_sync(run, limiter=services.submitters)


async def _check_beside(
    services: Services, task_id: str, image: UploadFile, waiting: asyncio.Future[TaskRecord]
) -> None:
    checking = asyncio.ensure_future(check(services, image))
    try:
        both: set[asyncio.Future[Any]] = {waiting, checking}
        await asyncio.wait(both, return_when=asyncio.FIRST_EXCEPTION)
        if checking.done():
            checking.result()
    except BaseException as error:
        waiting.cancel()
        if isinstance(error, InputError):
            with redis_errors():
                await to_thread.run_sync(_fail, services, task_id, error)
        raise
    finally:
        checking.cancel()


def _fail(services: Services, task_id: str, error: EdgeSegError) -> None:
    if services.store.fail(task_id, error):
        services.chain.withdraw(task_id)
