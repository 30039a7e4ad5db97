"""Exports of results that come as JSON documents, to run in a process of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache

from pydantic import ValidationError

from edgeseg.exporters import Export, Limits, Picture, export
from edgeseg.schemas import SegmentationResult, input_error

# A result as JSON, and the file name of its image.
Document = tuple[bytes, str | None]
_NICENESS = 10


def export_documents(documents: Sequence[Document], format_name: str, limits: Limits) -> Export:
    """Return the file of the results that documents hold.

    Lowers the priority of the process. Raises what :func:`edgeseg.exporters.export` raises, and
    InvalidParameterError for a document that holds no result.
    """
    _lower_priority()
    pictures = [Picture(_result(data), name) for data, name in documents]
    return export(pictures, format_name, limits)


def _result(data: bytes) -> SegmentationResult:
    try:
        return SegmentationResult.model_validate_json(data)
    except ValidationError as error:
        raise input_error(error) from None


@cache
def _lower_priority() -> None:
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
