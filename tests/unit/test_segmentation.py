"""A result and the views on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseg import EdgeSegAI, Segmentation, SegmentationResult, Settings


@pytest.fixture
def made(chelsea: Path) -> Segmentation:
    return EdgeSegAI(settings=Settings(engines="fake")).segment_image(chelsea, "cat . dog")


def test_the_mask_is_the_union_of_the_objects(made: Segmentation) -> None:
    first, second = made.mask_of(0), made.mask_of(1)
    assert np.array_equal(made.segmentation_mask, first | second)
    with pytest.raises(KeyError):
        made.mask_of(2)


def test_json_returns_the_same_result(made: Segmentation, tmp_path: Path) -> None:
    text = made.to_json(tmp_path / "out.json")
    assert SegmentationResult.model_validate_json(text) == made.result
    assert (tmp_path / "out.json").read_text() == text + "\n"


def test_the_overlay_has_the_image_s_size(made: Segmentation) -> None:
    picture = made.overlay()
    assert picture.size == (451, 300)
    changed = np.any(np.asarray(picture) != made.image.rgb, axis=2)
    assert changed[made.segmentation_mask].mean() > 0.95


def test_it_says_what_was_found(made: Segmentation) -> None:
    assert repr(made).startswith("<Segmentation of 'cat . dog': ")
    assert "cat 0." in repr(made)
