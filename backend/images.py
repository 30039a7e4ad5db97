"""Images as requests bring them: files, base64, data URIs and URLs, all opened as files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast
from urllib.parse import unquote

import pybase64
from fastapi import UploadFile

from backend.fetch import Fetcher, file_name_of, is_url
from backend.services import Services
from edgeseg.errors import InputError, InvalidParameterError

# A text is a URL, a data URI or base64.
ImageInput = UploadFile | str
_DATA_URI = re.compile(r"data:([^,]{0,1000}),", re.IGNORECASE)
_NAME = re.compile(r";name=([^;]*)")
_BLANKS = re.compile(r"[ \t\r\n]+")
_URL_SAFE = b"-_"


def from_text(text: str, field: str, memory_bytes: int) -> ImageInput:
    """Return the file that base64 or a data URI holds; a URL stays what it is.

    ``;name=photo.jpg`` in a data URI names the file. What exceeds ``memory_bytes`` is on disk.
    Raises InvalidParameterError, which names the field, for anything else.
    """
    if is_url(text):
        return text
    head = _DATA_URI.match(text)
    name, start = "", 0
    if head is not None:
        if not head[1].lower().endswith(";base64"):
            raise InvalidParameterError(f"{field}: expected a data URI with ;base64.")
        named = _NAME.search(head[1])
        name, start = unquote(named[1]) if named else "", head.end()
    data = _decode(text[start:] if start else text, field)
    upload = _new_file(name, memory_bytes)
    upload.file.write(data)
    return upload


def _new_file(name: str, memory_bytes: int) -> UploadFile:
    file = SpooledTemporaryFile(memory_bytes)  # noqa: SIM115
    return UploadFile(cast(BinaryIO, file), filename=name)


def _decode(text: str, field: str) -> bytes:
    try:
        # Commands wrap lines; anything else that does not belong is an error.
        encoded = _BLANKS.sub("", text) if any(each in text for each in " \t\r\n") else text
        if "-" in encoded or "_" in encoded:
            return pybase64.b64decode(encoded, _URL_SAFE, validate=True)
        return pybase64.b64decode(encoded, validate=True)
    # Besides its own error: a text that is not ASCII.
    except ValueError as error:
        raise InvalidParameterError(
            f"{field}: expected base64, a data URI, or a URL http(s)://…: {error}."
        ) from None


@asynccontextmanager
async def opened(
    services: Services,
    image: ImageInput | None,
    field: str = "image",
    fetcher: Fetcher | None = None,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[UploadFile | None]:
    """Open the image of a request as a file, fetched if it is a URL, and close it at the end.

    It is fetched with these headers by this fetcher, in place of that of the services. Raises what
    `Fetcher.fetch` and `from_text` raise.
    """
    memory_bytes = services.settings.upload_memory_bytes
    if isinstance(image, str):
        image = from_text(image, field, memory_bytes)
    if isinstance(image, str):
        upload: UploadFile | None = _new_file(file_name_of(image), memory_bytes)
    else:
        upload = image
    try:
        if isinstance(image, str) and upload is not None:
            await (fetcher or services.fetcher).fetch(image, upload.file, headers)
        yield upload
    finally:
        if upload is not None:
            await upload.close()


@asynccontextmanager
async def opened_all(
    services: Services, images: Sequence[ImageInput]
) -> AsyncIterator[list[UploadFile | InputError]]:
    """Open several images, side by side; one that cannot be had is why not."""
    async with AsyncExitStack() as stack:

        async def open_one(image: ImageInput) -> UploadFile | InputError:
            try:
                file = await stack.enter_async_context(opened(services, image))
            except InputError as error:
                return error
            assert file is not None
            return file

        yield list(await asyncio.gather(*map(open_one, images)))
