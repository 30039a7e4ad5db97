"""Images to export."""

from __future__ import annotations

import pytest

from edgeseg.exporters import ImageResult
from edgeseg.types import BoolArray
from tests.unit.exporters.results import expected_objects, make_result, masks


@pytest.fixture
def image_result() -> ImageResult:
    """One result with all kinds of masks, and one without a pixel."""
    return ImageResult(make_result(masks()), "photo.jpg")


@pytest.fixture
def empty() -> ImageResult:
    return ImageResult(make_result({}, (20, 30)), "empty.png")


@pytest.fixture
def expected() -> dict[int, tuple[str, BoolArray]]:
    """The label and mask of each object that has pixels, by its id."""
    return expected_objects()
