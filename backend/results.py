"""Results of finished tasks as answers, with their overlays."""

from __future__ import annotations

from typing import cast

from anyio import to_thread
from fastapi import Response

from backend.services import Services
from edgeseg.codecs import to_base64
from edgeseg.schemas import (
    MEDIA_TYPES,
    ClassesRequest,
    MasksRequest,
    SegmentRequest,
    VisualizationType,
)
from edgeseg.tasks import DRAWN, TaskRecord, redis_errors


async def result_response(services: Services, record: TaskRecord) -> Response:
    """Answer with a finished task's result; the drawing is spliced in, as it is large."""
    body = (record.result_json or "null").encode()
    if record.kind in DRAWN:
        fields = ["null", "null"]
        drawing = await read_drawing(services, record)
        if drawing is not None:
            fields = [f'"{each}"' for each in drawing]
        more = ',"visualization":{},"visualization_type":{}}}'.format(*fields)
        body = body.removesuffix(b"}") + more.encode()
    headers = {"Location": f"/tasks/{record.id}"}
    return Response(body, media_type="application/json", headers=headers)


async def read_drawing(
    services: Services, record: TaskRecord
) -> tuple[str, VisualizationType] | None:
    """Return the overlay of a finished task in base64, and its media type, if it has one."""
    if record.kind not in DRAWN or record.result_json is None:
        return None
    kind = cast(SegmentRequest | MasksRequest | ClassesRequest, record.request).visualization
    if kind == "none":
        return None
    with redis_errors():
        data = await to_thread.run_sync(services.store.drawing, record.id)
    return None if data is None else (to_base64(data), MEDIA_TYPES[kind])
