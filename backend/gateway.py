"""From a request to a task and back: check the image, submit, wait, answer."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from fastapi import Request, Response, UploadFile
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from backend.services import Services
from edgeseg.codecs import decode_image
from edgeseg.engines import registry
from edgeseg.errors import (
    CancelledError,
    EdgeSegError,
    InvalidParameterError,
    NoImageError,
    NoWorkerError,
    RequestTimeoutError,
    UnknownTaskError,
)
from edgeseg.schemas import EngineChoice
from edgeseg.settings import Role
from edgeseg.tasks import ImageRef, NewTask, TaskKind, TaskRecord, look, redis_errors, unserved

MAX_KEY_CHARS = 255
# How long a request goes on waiting for a stage that nobody serves any more.
LOST_WORKER_GRACE_S = 20.0


@dataclass(frozen=True)
class Upload:
    """An image file that was read and found good: its bytes, size and hash."""

    data: bytes
    width: int
    height: int
    sha256: str
    decode_ms: float


async def read_upload(services: Services, upload: UploadFile | None) -> Upload:
    """Read and decode an uploaded image off the event loop; raises the errors of decode_image."""
    if upload is None:
        raise NoImageError("The form has no file in its field 'image'.")
    data = await upload.read()
    return await to_thread.run_sync(_check, services, data, limiter=services.decoders)


def _check(services: Services, data: bytes) -> Upload:
    settings = services.settings
    started = time.perf_counter()
    image = decode_image(
        data, max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels
    )
    height, width = image.size_hw
    return Upload(data, width, height, image.sha256, (time.perf_counter() - started) * 1000)


def check_engines(chosen: EngineChoice) -> None:
    """Raise UnknownEngineError or EngineUnavailableError before anything is queued."""
    for role in registry.ROLES:
        name = getattr(chosen, role)
        if name is not None:
            registry.find(role, name)


async def require_workers(services: Services, plan: tuple[Role, ...]) -> None:
    """Raise NoWorkerError when a stage of the plan has no live worker."""
    missing = unserved(await look(services.watch.connection), plan)
    if missing:
        raise NoWorkerError(f"No worker serves {', '.join(missing)}.", missing=missing)


async def submit(
    services: Services,
    kind: TaskKind,
    plan: tuple[Role, ...],
    request: BaseModel,
    prompt: str,
    upload: Upload | None = None,
    key: str | None = None,
) -> str:
    """Queue a task and return its id; with an idempotency key, that of the first such request."""
    await require_workers(services, plan)
    body = request.model_dump(mode="json")
    task = NewTask(kind=kind, plan=plan, request=body, prompt=prompt)
    if upload is not None:
        image = ImageRef(upload.width, upload.height, upload.sha256, task.id)
        timings = {"decode": upload.decode_ms}
        task = NewTask(
            kind=kind, plan=plan, request=body, prompt=prompt,
            image=image, timings_ms=timings, id=task.id,
        )  # fmt: skip
    return await to_thread.run_sync(_submit, services, task, upload.data if upload else None, key)


def _submit(services: Services, task: NewTask, image: bytes | None, key: str | None) -> str:
    with redis_errors():
        if key is not None:
            facts = [task.kind, task.request, task.image and task.image.sha256, task.parent]
            print_ = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
            earlier = services.store.claim(key, print_, task.id)
            if earlier is not None:
                return earlier
        try:
            services.chain.submit(task, image)
        except BaseException:
            if key is not None:
                services.store.release(key)
            raise
    return task.id


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
        record = await read_task(services, task_id)
        if record.stage is not None:
            await require_workers(services, (record.stage,))
    record = await read_task(services, task_id)
    for stage, ms in record.timings_ms.items():
        services.telemetry.stage_seconds.labels(stage).observe(ms / 1000)
    return raise_for(record)


async def read_task(services: Services, task_id: str) -> TaskRecord:
    """Return a task's record without blocking the event loop; raises UnknownTaskError."""
    if not re.fullmatch(r"[0-9a-f]{32}", task_id):
        raise UnknownTaskError(f"No task has the id {task_id[:64]!r}.")
    with redis_errors():
        return await to_thread.run_sync(services.store.read, task_id)


def raise_for(record: TaskRecord) -> TaskRecord:
    """Return the record of a task that is done; raise the error of one that failed."""
    if record.error is not None:
        error = record.error
        raise type(error)(error.detail, **{**error.extra, "task_id": record.id})
    if record.status == "cancelled":
        raise CancelledError("The task was cancelled.", task_id=record.id)
    return record


async def answer(services: Services, request: Request, task_id: str) -> Response:
    """Answer with the result, or with 202 at once when the client prefers that."""
    if prefers_async(request):
        url = str(request.app.url_path_for("get_task", task_id=task_id))
        body = {"task_id": task_id, "status": "queued", "url": url, "events": f"{url}/events"}
        headers = {"Location": url, "Preference-Applied": "respond-async"}
        return JSONResponse(body, 202, headers=headers)
    try:
        record = await wait_for(services, task_id)
    except EdgeSegError as error:
        error.extra.setdefault("task_id", task_id)
        raise
    return await result_response(services, record)


async def result_response(services: Services, record: TaskRecord) -> Response:
    """Answer with a finished task's result; the drawing is spliced in, as it is large."""
    body = (record.result_json or "null").encode()
    if record.kind == "segment":
        drawing = await read_drawing(services, record)
        quoted = b"null" if drawing is None else b'"%s"' % drawing
        body = b'%s,"visualization":%s}' % (body.removesuffix(b"}"), quoted)
    headers = {"Location": f"/tasks/{record.id}"}
    return Response(body, media_type="application/json", headers=headers)


async def read_drawing(services: Services, record: TaskRecord) -> bytes | None:
    """Return the overlay of a finished task as base64, if one was asked for."""
    if record.kind != "segment" or not record.request.get("visualization"):
        return None
    with redis_errors():
        return await to_thread.run_sync(services.store.drawing, record.id)


def prefers_async(request: Request) -> bool:
    """Whether the client sent ``Prefer: respond-async`` (RFC 7240)."""
    wishes = ",".join(request.headers.getlist("prefer"))
    return any(wish.split(";")[0].strip().lower() == "respond-async" for wish in wishes.split(","))


def idempotency_key(request: Request) -> str | None:
    """Return the ``Idempotency-Key`` header, if any; raise InvalidParameterError if unusable."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not key.strip() or len(key) > MAX_KEY_CHARS:
        raise InvalidParameterError(
            f"Idempotency-Key: expected 1 to {MAX_KEY_CHARS} characters, got {len(key.strip())}."
        )
    return key.strip()


def json_field(name: str, text: str | None) -> Any:
    """Read a form field that holds a JSON object; empty is an empty object."""
    if text is None or not text.strip():
        return {}
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidParameterError(f"{name}: expected a JSON object: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidParameterError(f"{name}: expected a JSON object, got {text[:80]!r}.")
    return value
