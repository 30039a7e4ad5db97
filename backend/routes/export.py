"""/tasks/{id}/export and /export: finished results as files of other tools' formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile

from backend import exports, gateway
from backend.bodies import only_fields
from backend.problems import responses
from backend.routes.openapi import TaskId
from backend.services import Services, ServicesDep
from edgeseg.errors import (
    CancelledError,
    ExportTooLargeError,
    ImageTooLargeError,
    InputError,
    InvalidParameterError,
    QueueFullError,
    QueueUnavailableError,
    RequestTimeoutError,
    TaskNotFinishedError,
    UnknownFormatError,
    UnknownTaskError,
)
from edgeseg.exporters import FORMATS, MEDIA_TYPES, find_format
from edgeseg.exporters.documents import Document
from edgeseg.exporters.names import MAX_PATH_CHARS
from edgeseg.tasks import DRAWN, TaskRecord, redis_errors

router = APIRouter(tags=["tasks"])
uploads = APIRouter(tags=["tasks"], route_class=exports.UploadRoute)
MAX_TASKS = 100
# What browsers and our client call a file that has no name.
_NO_NAMES = frozenset({"image", "blob"})

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, or a zip where the format has several.",
        "content": {media_type: {} for media_type in MEDIA_TYPES.values()},
    }
}
_BOUNDS = (
    ImageTooLargeError,
    ExportTooLargeError,
    QueueFullError,
    RequestTimeoutError,
)
_RESPONSES = {
    **_FILE,
    **responses(
        UnknownTaskError,
        TaskNotFinishedError,
        CancelledError,
        UnknownFormatError,
        InvalidParameterError,
        QueueUnavailableError,
        *_BOUNDS,
    ),
}
_FORM_ERRORS = (InputError, UnknownFormatError, InvalidParameterError, *_BOUNDS)
FormatName = Annotated[
    str,
    Query(
        alias="format",
        description=" ".join(f"`{each.name}`: {each.description}" for each in FORMATS.values()),
        examples=["coco"],
        json_schema_extra={"enum": list(FORMATS)},
    ),
]
WithImages = Annotated[
    bool,
    Query(
        description="Put the images into the zip, where readers of the format look for them.",
        examples=[True],
    ),
]
ImagePrefix = Annotated[
    str,
    Query(
        max_length=MAX_PATH_CHARS,
        description="What goes before the path of an image in formats that hold addresses.",
        examples=["/data/local-files/?d=images/"],
    ),
]


@router.get("/tasks/{task_id}/export", response_class=Response, responses=_RESPONSES)
async def export_task(
    task_id: TaskId,
    request: Request,
    services: ServicesDep,
    format_name: FormatName,
    file_name: Annotated[
        str | None,
        Query(
            max_length=MAX_PATH_CHARS,
            description="Name of the image, in place of that of the upload.",
            examples=["photo.jpg"],
        ),
    ] = None,
    with_images: WithImages = False,
    image_prefix: ImagePrefix = "",
) -> Response:
    """Return the masks of a finished task as a file of another tool's format.

    The same bytes come from `edgeseg export` on the result's JSON.
    """
    find_format(format_name)
    await _document(services, task_id, file_name)

    async def read() -> list[Document]:
        return await _documents(services, [task_id], [file_name], with_images)

    return await exports.answer(services, request, read, format_name, with_images, image_prefix)


@router.get("/export", response_class=Response, responses=_RESPONSES)
async def export_tasks(
    request: Request,
    services: ServicesDep,
    format_name: FormatName,
    task: Annotated[
        list[str],
        Query(
            min_length=1,
            max_length=MAX_TASKS,
            description="Ids of tasks; repeat.",
            examples=[["b0379cb8c91a4a599563943f96dd2ae3"]],
        ),
    ],
    file_name: Annotated[
        list[str] | None,
        Query(
            max_length=MAX_TASKS,
            description="Names of the images, one for each task, in place of those of the "
            "uploads; with a folder where several images share a name.",
            examples=[["cam1/0001.jpg"]],
        ),
    ] = None,
    with_images: WithImages = False,
    image_prefix: ImagePrefix = "",
) -> Response:
    """Return the masks of several finished tasks as one data set, in the order asked for."""
    find_format(format_name)
    names = _names(file_name, len(task))
    # What cannot be exported is refused before it waits; what waits holds no results.
    for task_id in task:
        await _document(services, task_id)

    async def read() -> list[Document]:
        return await _documents(services, task, names, with_images)

    return await exports.answer(services, request, read, format_name, with_images, image_prefix)


@uploads.post(
    "/export",
    response_class=Response,
    responses={**_FILE, **responses(*_FORM_ERRORS)},
    dependencies=[
        Depends(only_fields("result", "format", "file_name", repeatable=("result", "file_name")))
    ],
)
async def export_results(
    request: Request,
    services: ServicesDep,
    result: Annotated[
        list[UploadFile],
        File(description="JSON of results, as the API gives it or changed since; repeat."),
    ],
    format_name: Annotated[
        str, Form(alias="format", description="As in GET /export.", examples=["coco"])
    ],
    file_name: Annotated[
        list[str] | None,
        Form(description="Names of the images, one for each result.", examples=[["photo.jpg"]]),
    ] = None,
) -> Response:
    """Return results that were changed since they were made as a file of another tool's format.

    Objects that were left out, renamed or drawn anew are exported as they are in the JSON; the
    same bytes come from `edgeseg export` on it.
    """
    find_format(format_name)
    names = _names(file_name, len(result))

    async def read() -> list[Document]:
        return [Document(await each.read(), name) for each, name in zip(result, names, strict=True)]

    return await exports.answer(services, request, read, format_name)


def _names(file_names: Sequence[str] | None, count: int) -> Sequence[str | None]:
    names: Sequence[str | None] = file_names or [None] * count
    if len(names) != count or count > MAX_TASKS:
        raise InvalidParameterError(
            f"Expected at most {MAX_TASKS} results and a file_name for each or for none, "
            f"got {count} and {len(names)}."
        )
    return names


async def _documents(
    services: Services, task_ids: Sequence[str], names: Sequence[str | None], with_images: bool
) -> list[Document]:
    """Read tasks that are done, and their images where they are exported too."""
    limits = exports.limits_of(services.settings)
    documents = []
    size_bytes = 0
    for task_id, name in zip(task_ids, names, strict=True):
        document = await _document(services, task_id, name)
        if with_images:
            images = await _images(services, task_id)
            size_bytes += sum(map(len, images))
            # Before the next are read.
            limits.check_image_bytes(size_bytes)
            document = document._replace(images=images)
        documents.append(document)
    return documents


async def _images(services: Services, task_id: str) -> tuple[bytes, ...]:
    """Read the images of a task; empty are those that could not be read when they came."""
    record = await gateway.read_task(services, task_id)
    read, limiter = services.store.image, services.submitters
    with redis_errors():
        files = [await to_thread.run_sync(read, each, limiter=limiter) for each in record.images]
    return tuple(files)


async def _document(services: Services, task_id: str, file_name: str | None = None) -> Document:
    """Read a task that is done; raise what it failed with, or that it has no masks."""
    record = gateway.raise_for(await gateway.read_task(services, task_id))
    if record.kind not in (*DRAWN, "entities"):
        raise InvalidParameterError(
            "Only a task of /segment, /masks or /entities has masks to export.",
            task_id=record.id,
            kind=record.kind,
        )
    if record.result_json is None:
        raise TaskNotFinishedError(
            f"The task is {record.status}; export it once it is done.",
            task_id=record.id,
            task_status=record.status,
        )
    if record.kind == "entities":
        # It holds the names of its images.
        return Document(record.result_json.encode(), file_name)
    return Document(record.result_json.encode(), file_name or _name(record))


def _name(record: TaskRecord) -> str | None:
    name = record.image.name if record.image else ""
    return None if name in _NO_NAMES else name
