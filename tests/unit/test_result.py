"""A result and the views on it."""

from __future__ import annotations

import errno
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgeseg import EdgeSegAI, Segmentation, SegmentationResult, Settings
from edgeseg.errors import InvalidParameterError
from edgeseg.files import replacing, write_bytes


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


def test_the_image_itself_is_never_replaced(tmp_path: Path, chelsea: Path) -> None:
    photo = tmp_path / "photo.png"
    shutil.copy(chelsea, photo)
    (tmp_path / "link.json").symlink_to(photo)
    made = EdgeSegAI("fake", "fake", "fake").segment_image(photo, "cat")
    for target in (photo, tmp_path / "link.json"):
        with pytest.raises(InvalidParameterError, match="is the image itself"):
            made.to_json(target)
        with pytest.raises(InvalidParameterError, match="is the image itself"):
            made.export("coco", target)
    assert photo.read_bytes() == chelsea.read_bytes()


def fill(target: Path) -> None:
    """Write a part, and find the disk full."""
    with replacing(target) as part:
        part.write_bytes(b"la")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    write_bytes(target, b"earlier")
    with pytest.raises(OSError, match=re.escape(f"No space left on device: '{target}'")):
        fill(target)
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]
    assert target.read_bytes() == b"earlier"
