"""Exports in processes of their own: bounded, timed, and ended when their client leaves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence

import anyio
from anyio import BrokenWorkerProcess, CapacityLimiter, to_process
from fastapi import Request, Response
from fastapi.routing import APIRoute

from backend.gateway import until_left
from backend.headers import disposition
from backend.services import Services
from edgeseg.errors import QueueFullError, RequestTimeoutError
from edgeseg.exporters import Export, Limits
from edgeseg.exporters.documents import Document, export_in_process, out_of_memory
from edgeseg.settings import Settings

# Reads the documents, once it is the request's turn: what waits holds no memory.
Read = Callable[[], Awaitable[Sequence[Document]]]
MAX_WAITING = 16
# Each may hold as many bytes as an image file.
MAX_UPLOADS = 8
# What the images of one export may hold; they are in memory once as files and once in the zip.
MAX_IMAGE_BYTES = 128 * 2**20
# nginx's status for a client that closed its connection; nobody reads it.
_CLIENT_LEFT = 499


class UploadRoute(APIRoute):
    """A route that refuses results before it reads them, while too many others are in progress."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Return the handler."""
        handle = super().get_route_handler()
        in_progress = 0

        async def admitted(request: Request) -> Response:
            nonlocal in_progress
            if in_progress >= MAX_UPLOADS:
                raise QueueFullError(
                    f"{MAX_UPLOADS} exports of results are in progress; try again later."
                )
            in_progress += 1
            try:
                return await handle(request)
            finally:
                in_progress -= 1

        return admitted


async def answer(
    services: Services,
    request: Request,
    read: Read,
    format_name: str,
    with_images: bool = False,
    image_prefix: str = "",
) -> Response:
    """Answer with the export of the documents that ``read`` returns.

    Raises what `export_in_process` raises, QueueFullError while too many exports wait, and
    RequestTimeoutError for one that takes too long.
    """
    if services.exporters.statistics().tasks_waiting >= MAX_WAITING:
        raise QueueFullError(f"{MAX_WAITING} exports wait already; try again later.")
    working = asyncio.ensure_future(_export(services, read, format_name, with_images, image_prefix))
    leaving = asyncio.ensure_future(until_left(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return _response(working.result()) if working.done() else Response(status_code=_CLIENT_LEFT)
    finally:
        working.cancel()
        leaving.cancel()


def limits_of(settings: Settings) -> Limits:
    """Return what one export may hold."""
    return Limits(
        max_image_pixels=settings.max_image_pixels,
        max_objects=settings.max_export_objects,
        max_pixels=settings.max_export_pixels,
        max_vertices=settings.max_export_vertices,
        max_image_bytes=MAX_IMAGE_BYTES,
    )


async def _export(
    services: Services, read: Read, format_name: str, with_images: bool, image_prefix: str
) -> Export:
    settings = services.settings
    # Not even a module in the current folder runs in place of the library that starts processes.
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        with anyio.fail_after(settings.export_timeout_s):
            async with services.exporters:
                return await to_process.run_sync(
                    export_in_process,
                    await read(),
                    format_name,
                    limits_of(settings),
                    with_images,
                    image_prefix,
                    cancellable=True,
                    limiter=CapacityLimiter(1),
                )
    except TimeoutError:
        raise RequestTimeoutError(
            f"The export took longer than {settings.export_timeout_s:g} s; export fewer results "
            "or objects at a time."
        ) from None
    except BrokenWorkerProcess:
        # It runs out of memory where native code does not raise MemoryError.
        raise out_of_memory() from None


def _response(export: Export) -> Response:
    headers = {"Content-Disposition": disposition("attachment", export.file_name)}
    return Response(export.data, media_type=export.media_type, headers=headers)
