"""/tasks/{id}/export and /export: finished results as files of other tools' formats."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Depends, File, Form, Query, Response, UploadFile
from pydantic import ValidationError

from backend import gateway
from backend.headers import only_fields
from backend.problems import responses
from backend.routes.common import TaskId
from backend.services import Services, ServicesDep
from edgeseg.errors import (
    CancelledError,
    ImageTooLargeError,
    InputError,
    InvalidParameterError,
    QueueUnavailableError,
    TaskNotFinishedError,
    UnknownFormatError,
    UnknownTaskError,
)
from edgeseg.exporters import FORMATS, MEDIA_TYPES, Picture, export, find_format
from edgeseg.schemas import SegmentationResult, input_error, parse
from edgeseg.tasks import TaskRecord

router = APIRouter(tags=["tasks"])
MOST_TASKS = 100
# What browsers and our client call a file that has no name.
_NO_NAMES = frozenset({"image", "blob"})

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, or a zip where the format has several.",
        "content": {media_type: {} for media_type in MEDIA_TYPES.values()},
    }
}
_RESPONSES = {
    **_FILE,
    **responses(
        UnknownTaskError,
        TaskNotFinishedError,
        CancelledError,
        UnknownFormatError,
        InvalidParameterError,
        QueueUnavailableError,
    ),
}
_FORM_ERRORS = (InputError, UnknownFormatError, InvalidParameterError, ImageTooLargeError)
FormatName = Annotated[
    str,
    Query(
        alias="format",
        description=" ".join(f"`{each.name}`: {each.description}" for each in FORMATS.values()),
        examples=["coco"],
        json_schema_extra={"enum": list(FORMATS)},
    ),
]


@router.get("/tasks/{task_id}/export", response_class=Response, responses=_RESPONSES)
async def export_task(
    task_id: TaskId,
    services: ServicesDep,
    format_name: FormatName,
    file_name: Annotated[
        str | None,
        Query(
            max_length=255,
            description="Name of the image, in place of that of the upload.",
            examples=["photo.jpg"],
        ),
    ] = None,
) -> Response:
    """Return the masks of a finished task as a file of another tool's format.

    The same bytes come from `edgeseg export` on the result's JSON.
    """
    find_format(format_name)
    return await _answer(services, [await _picture(services, task_id, file_name)], format_name)


@router.get("/export", response_class=Response, responses=_RESPONSES)
async def export_tasks(
    services: ServicesDep,
    format_name: FormatName,
    task: Annotated[
        list[str],
        Query(
            min_length=1,
            max_length=MOST_TASKS,
            description="Ids of tasks; repeat.",
            examples=[["b0379cb8c91a4a599563943f96dd2ae3"]],
        ),
    ],
) -> Response:
    """Return the masks of several finished tasks as one data set, in the order asked for."""
    find_format(format_name)
    return await _answer(services, [await _picture(services, each) for each in task], format_name)


@router.post(
    "/export",
    response_class=Response,
    responses={**_FILE, **responses(*_FORM_ERRORS)},
    dependencies=[Depends(only_fields("result", "format", "file_name"))],
)
async def export_results(
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
    names: Sequence[str | None] = file_name or [None] * len(result)
    if len(names) != len(result) or len(result) > MOST_TASKS:
        raise InvalidParameterError(
            f"Expected at most {MOST_TASKS} results and a file_name for each or for none, "
            f"got {len(result)} and {len(names)}."
        )
    files = [await each.read() for each in result]
    read = partial(_read_results, files, names)
    return await _answer(
        services, await to_thread.run_sync(read, limiter=services.decoders), format_name
    )


def _read_results(files: Sequence[bytes], names: Sequence[str | None]) -> list[Picture]:
    try:
        return [
            Picture(SegmentationResult.model_validate_json(data), name)
            for data, name in zip(files, names, strict=True)
        ]
    except ValidationError as error:
        raise input_error(error) from None


async def _answer(services: Services, pictures: Sequence[Picture], format_name: str) -> Response:
    limiter = services.decoders
    made = await to_thread.run_sync(export, pictures, format_name, limiter=limiter)
    name = made.file_name.encode("ascii", "replace").decode().replace('"', "_").replace("?", "_")
    disposition = f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(made.file_name)}"
    headers = {"Content-Disposition": disposition}
    return Response(made.data, media_type=made.media_type, headers=headers)


async def _picture(services: Services, task_id: str, file_name: str | None = None) -> Picture:
    """Read a task that is done; raise what it failed with, or that it has no masks."""
    record = gateway.raise_for(await gateway.read_task(services, task_id))
    if record.kind != "segment":
        raise InvalidParameterError(
            "Only a task of /segment has masks to export.", task_id=record.id, kind=record.kind
        )
    result = record.result()
    if result is None:
        raise TaskNotFinishedError(
            f"The task is {record.status}; export it once it is done.",
            task_id=record.id,
            task_status=record.status,
        )
    return Picture(parse(SegmentationResult, result), file_name or _name(record))


def _name(record: TaskRecord) -> str | None:
    name = record.image.name if record.image else ""
    return None if name in _NO_NAMES else name
