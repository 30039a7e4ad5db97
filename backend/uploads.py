"""Uploaded images: read, checked off the event loop, refused with the reason."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import BinaryIO

from anyio import to_thread
from fastapi import UploadFile

from backend.services import Services
from edgeseg.codecs import inspect_image
from edgeseg.errors import EdgeSegError, InputError, NoImageError
from edgeseg.exporters.names import MAX_PATH_CHARS


@dataclass(frozen=True)
class Upload:
    """An image file that was read and found good: its bytes, size, hash and name.

    One that cannot be read has no bytes but an ``error``.
    """

    data: bytes
    width: int
    height: int
    sha256: str
    decode_ms: float
    file_name: str = ""
    error: EdgeSegError | None = None


async def read_upload(
    services: Services, upload: UploadFile | None, to_the_end: bool = True
) -> Upload:
    """Read and check an uploaded image off the event loop; raises the errors of inspect_image."""
    if upload is None:
        raise NoImageError("The request has no image in its field 'image'.")
    checked = await _check(services, upload.file, to_the_end)
    name = upload.filename or ""
    # A name cut short would be that of another file.
    return replace(checked, file_name=name if len(name) <= MAX_PATH_CHARS else "")


async def read_or_refuse(services: Services, upload: UploadFile | InputError) -> Upload:
    """Do as `read_upload`, to the end; an image that cannot be used keeps its error."""
    if isinstance(upload, InputError):
        return Upload(b"", 1, 1, "", 0.0, "", upload)
    try:
        return await read_upload(services, upload)
    except InputError as error:
        name = upload.filename or ""
        name = name if len(name) <= MAX_PATH_CHARS else ""
        return Upload(b"", 1, 1, "", 0.0, name, error)


async def check(services: Services, upload: UploadFile) -> None:
    """Read an image to its end; raises the errors of inspect_image."""
    await _check(services, upload.file, to_the_end=True)


async def _check(services: Services, file: BinaryIO, to_the_end: bool) -> Upload:
    # Heads are read in no time; they must not wait behind files that are read to their end.
    limiter = services.decoders if to_the_end else services.submitters
    return await to_thread.run_sync(_inspect, services, file, to_the_end, limiter=limiter)


def _inspect(services: Services, file: BinaryIO, to_the_end: bool) -> Upload:
    settings = services.settings
    started = time.perf_counter()
    file.seek(0)
    data = file.read()
    (height, width), sha256 = inspect_image(
        data,
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_image_pixels,
        to_the_end=to_the_end,
    )
    return Upload(data, width, height, sha256, (time.perf_counter() - started) * 1000)
