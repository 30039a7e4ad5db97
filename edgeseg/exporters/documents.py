"""Exports of results that come as JSON documents, to run in a process of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from edgeseg.errors import ExportTooLargeError, InvalidParameterError
from edgeseg.exporters import Export, ImageResult, Limits, export
from edgeseg.exporters.base import ReadImage
from edgeseg.schemas import EntitiesResult, SegmentationResult, input_error

_NICENESS = 10
# What a mask as large as its image takes to outline, and what documents may take at least.
_BYTES_PER_PIXEL = 8
_MIN_BYTES = 512 * 2**20


class Document(NamedTuple):
    """A result as JSON, the file name of its image, and the files of its images where they are
    exported too; entities of several images hold their names.
    """

    data: bytes
    file_name: str | None = None
    images: tuple[bytes, ...] = ()


def export_documents(
    documents: Sequence[Document],
    format_name: str,
    limits: Limits,
    with_images: bool = False,
    image_prefix: str = "",
) -> Export:
    """Return the file of the results that documents hold.

    Raises what `export` raises, InvalidParameterError for a document that
    holds no result, and ExportTooLargeError where memory does not suffice.
    """
    try:
        image_results = [each for document in documents for each in _image_results(*document)]
        return export(
            image_results, format_name, limits, with_images=with_images, image_prefix=image_prefix
        )
    except MemoryError:
        raise out_of_memory() from None


def export_in_process(
    documents: Sequence[Document],
    format_name: str,
    limits: Limits,
    with_images: bool = False,
    image_prefix: str = "",
) -> Export:
    """Do as `export_documents` in a process that does nothing else.

    Lowers its priority and bounds its memory, for good.
    """
    _bound_process(limits.max_image_pixels or 0)
    return export_documents(documents, format_name, limits, with_images, image_prefix)


def out_of_memory() -> ExportTooLargeError:
    """Return the error of an export that takes more memory than it may."""
    return ExportTooLargeError(
        "The export takes more memory than it may; export fewer results or objects at a time."
    )


def _image_results(
    data: bytes, name: str | None, images: tuple[bytes, ...] = ()
) -> list[ImageResult]:
    """Read the result of one image, or those of all images of a request for entities."""
    try:
        result = SegmentationResult.model_validate_json(data)
        return [ImageResult(result, name, _reader(images, 0))]
    except ValidationError as error:
        if not any(row["loc"] == ("contextual",) for row in error.errors(include_input=False)):
            raise input_error(error) from None
    if name is not None:
        raise InvalidParameterError("file_name: a result of several images keeps their own names.")
    try:
        entities = EntitiesResult.model_validate_json(data)
    except ValidationError as error:
        raise input_error(error) from None
    names = entities.file_names()
    return [
        ImageResult(each, names[position], _reader(images, position))
        for position, each in entities.segmentations()
    ]


def _reader(images: tuple[bytes, ...], position: int) -> ReadImage | None:
    return (lambda: images[position]) if images else None


@cache
def _bound_process(max_image_pixels: int) -> None:
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    statm = Path("/proc/self/statm")
    if statm.exists():
        import resource

        taken = int(statm.read_text().split()[0]) * resource.getpagesize()
        limit = taken + max(_MIN_BYTES, _BYTES_PER_PIXEL * max_image_pixels)
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
