"""Bodies of requests: forms and JSON with the same fields, each of them once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from anyio import to_thread
from fastapi import Request, UploadFile

from backend.images import ImageInput, from_text
from backend.services import get_services
from edgeseg.errors import InputError, InvalidParameterError
from edgeseg.schemas import check_image_count

_FORMS = ("", "multipart/form-data", "application/x-www-form-urlencoded")
_MAX_NAMED = 20


@dataclass(frozen=True)
class JsonBody:
    """A JSON document apart: the fields of a schema, and images that are files or URLs."""

    fields: dict[str, Any]
    images: dict[str, list[ImageInput]] = field(default_factory=dict)

    def close(self) -> None:
        """Close the files."""
        for image in chain.from_iterable(self.images.values()):
            if isinstance(image, UploadFile):
                image.file.close()


def media_type_of(request: Request) -> str:
    """Return the media type of a body in lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_of(request: Request) -> JsonBody | None:
    """Return the JSON that the body of a request was; None for a form."""
    return getattr(request.state, "json_body", None)


def only_fields(
    *names: str, images: Sequence[str] = (), repeatable: Collection[str] = ()
) -> Callable[[Request], AsyncIterator[None]]:
    """Return a dependency that checks the names of a body's fields, and reads JSON.

    A field of another name may be misspelt; of two of one name, one would be dropped. Both are
    refused. JSON is taken where a request has ``images``, which are texts or, where ``repeatable``,
    lists of texts there.
    """

    async def check(request: Request) -> AsyncIterator[None]:
        kind = media_type_of(request)
        if images and kind == "application/json":
            body = await _read_json(request, images, repeatable)
            try:
                _refuse_unknown(body.fields, names)
                request.state.json_body = body
                yield
            finally:
                body.close()
            return
        if kind not in _FORMS:
            expected = "a form (multipart/form-data)" + (" or JSON" if images else "")
            raise InputError(f"Expected {expected}, got {kind[:80]}.")
        counts = Counter(name for name, _ in (await request.form()).multi_items())
        _refuse_unknown(counts, names)
        _refuse([name for name, count in counts.items() if count > 1 and name not in repeatable])
        yield

    return check


async def unique_names(request: Request) -> None:
    """Refuse a JSON body in which an object has two fields of one name."""
    await to_thread.run_sync(_parse, await request.body())


def _refuse_unknown(given: Iterable[str], names: Sequence[str]) -> None:
    unknown = sorted(set(given) - set(names))
    if unknown:
        rows = [{"field": name[:80], "problem": "there is no such field"} for name in unknown]
        raise InvalidParameterError(
            f"{rows[0]['field']}: there is no such field; expected {', '.join(names)}.",
            errors=rows[:_MAX_NAMED],
        )


def _refuse(repeated: Sequence[str]) -> None:
    if repeated:
        rows = [{"field": name[:80], "problem": "given more than once"} for name in repeated]
        raise InvalidParameterError(
            f"{rows[0]['field']}: given more than once; expected one value.",
            errors=rows[:_MAX_NAMED],
        )


def _parse(data: bytes) -> Any:
    """Return the value of a JSON document; raise an InputError for none, or two fields of a name.

    A document that is empty is left to whoever reads it.
    """
    repeated: dict[str, None] = {}

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated.update({name: None for name, count in counts.items() if count > 1})
        return fields

    try:
        value = json.loads(data, object_pairs_hook=unique) if data.strip() else None
    # Besides its own error: numbers of too many digits, and brackets in brackets without end.
    except (ValueError, RecursionError) as error:
        raise InputError(f"The body is not valid JSON: {error}.") from None
    _refuse(list(repeated))
    return value


async def _read_json(
    request: Request, images: Sequence[str], repeatable: Collection[str]
) -> JsonBody:
    services = await get_services(request)
    memory_bytes = services.settings.upload_memory_bytes
    with SpooledTemporaryFile(memory_bytes) as spooled:
        async for chunk in request.stream():
            spooled.write(chunk)
        # Documents with images are large: only one is in memory at a time.
        return await to_thread.run_sync(
            _take_apart, spooled, images, repeatable, memory_bytes, limiter=services.documents
        )


def _take_apart(
    file: IO[bytes], images: Sequence[str], repeatable: Collection[str], memory_bytes: int
) -> JsonBody:
    file.seek(0)
    value = _parse(file.read())
    if not isinstance(value, dict):
        raise InputError("Expected a JSON object.")
    texts = {name: _texts(name, value.pop(name, None), name in repeatable) for name in images}
    check_image_count(sum(map(len, texts.values())))
    body = JsonBody(value)
    try:
        for name in images:
            body.images[name] = []
            for text in texts[name]:
                body.images[name].append(from_text(text, name, memory_bytes))
    except BaseException:
        body.close()
        raise
    return body


def _texts(name: str, value: Any, is_list: bool) -> list[str]:
    texts = [] if value is None else value if is_list else [value]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        kind = "a list of texts" if is_list else "a text"
        raise InvalidParameterError(f"{name}: expected {kind}: base64, a data URI or a URL.")
    return [text for text in texts if text]
