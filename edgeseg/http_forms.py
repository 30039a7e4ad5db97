"""What the client sends and reads over HTTP: forms, names of files, exports and errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from pydantic_core import to_json

from edgeseg.codecs import ImageSource, file_bytes
from edgeseg.errors import EdgeSegError, InputError, InvalidParameterError
from edgeseg.exporters import Export
from edgeseg.exporters.names import relative_names
from edgeseg.schemas import StageEvent

# The server knows by this name that the file has none.
UNNAMED = "image"


def form_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return fields as text; lists and objects are JSON, and None is left out."""
    return {
        name: str(value) if isinstance(value, str | int | float) else to_json(value).decode()
        for name, value in fields.items()
        if value is not None
    }


def entity_files(
    sources: Sequence[ImageSource],
) -> tuple[list[tuple[str, tuple[str, bytes]]], dict[int, InputError]]:
    """Return the files of a form for entities, the generated image last.

    Also returns, by its position, why an image could not be read here, whose file is empty. Raises
    the first reason where none can be read.
    """
    names = [name or UNNAMED for name in names_to_send(sources)]
    data, problems = files_of(sources)
    fields = [*(["contextual"] * (len(sources) - 1)), "generated"]
    return list(zip(fields, zip(names, data, strict=True), strict=True)), problems


def files_of(sources: Sequence[ImageSource]) -> tuple[list[bytes], dict[int, InputError]]:
    """Return images as files, and by its position why one cannot be read, whose file is empty.

    Raises the first reason where none can be read.
    """
    files: list[bytes] = []
    problems: dict[int, InputError] = {}
    for position, source in enumerate(sources):
        try:
            files.append(file_bytes(source))
        except InputError as error:
            files.append(b"")
            problems[position] = error
    if len(problems) == len(files):
        raise problems[0]
    return files, problems


def events_of(response: httpx.Response) -> Iterator[StageEvent]:
    """Yield the events of a stream as they arrive."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        fields |= {name: value} if name else {}
        if not line and "data" in fields:
            row = {**json.loads(fields["data"]), "id": fields.get("id", "")}
            yield StageEvent.model_validate(row)
            fields = {}


def export_of(response: httpx.Response) -> Export:
    """Return the file that an answer is."""
    name = response.headers["Content-Disposition"].rpartition("''")[2]
    media_type = response.headers["Content-Type"].partition(";")[0]
    return Export(unquote(name), media_type, response.content)


def names_to_send(images: Sequence[ImageSource | None]) -> list[str | None]:
    """Return the names to send images under: paths within a folder, None for what is not a file."""
    paths = [str(each) for each in images if isinstance(each, str | Path)]
    try:
        names = iter(relative_names(paths))
    except InvalidParameterError:
        # Such names can be segmented, though not exported.
        names = iter([Path(path).name for path in paths])
    return [next(names) if isinstance(each, str | Path) else None for each in images]


def error_of(response: httpx.Response) -> EdgeSegError:
    """Return the error that an answer tells, of the class that was raised at the server."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if isinstance(document, dict) and "code" in document:
        return EdgeSegError.from_dict(document)
    return EdgeSegError(f"The API answered {response.status_code}: {response.text[:200]}")
