"""Exports of results that come as JSON documents, to run in a process of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from edgeseg.errors import ExportTooLargeError
from edgeseg.exporters import Export, ImageResult, Limits, export
from edgeseg.schemas import SegmentationResult, input_error

# A result as JSON, and the file name of its image.
Document = tuple[bytes, str | None]
_NICENESS = 10
# What a mask as large as its image takes to outline, and what documents may take at least.
_BYTES_PER_PIXEL = 8
_MIN_BYTES = 512 * 2**20


def export_documents(documents: Sequence[Document], format_name: str, limits: Limits) -> Export:
    """Return the file of the results that documents hold.

    Raises what `export` raises, InvalidParameterError for a document that
    holds no result, and ExportTooLargeError where memory does not suffice.
    """
    try:
        image_results = [ImageResult(_result(data), name) for data, name in documents]
        return export(image_results, format_name, limits)
    except MemoryError:
        raise out_of_memory() from None


def export_in_process(documents: Sequence[Document], format_name: str, limits: Limits) -> Export:
    """Do as `export_documents` in a process that does nothing else.

    Lowers its priority and bounds its memory, for good.
    """
    _bound_process(limits.max_image_pixels or 0)
    return export_documents(documents, format_name, limits)


def out_of_memory() -> ExportTooLargeError:
    """Return the error of an export that takes more memory than it may."""
    return ExportTooLargeError(
        "The export takes more memory than it may; export fewer results or objects at a time."
    )


def _result(data: bytes) -> SegmentationResult:
    try:
        return SegmentationResult.model_validate_json(data)
    except ValidationError as error:
        raise input_error(error) from None


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
