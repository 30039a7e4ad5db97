"""A result and the views on it."""

from __future__ import annotations

import errno
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeseg import EdgeSegAI, Segmentation, SegmentationResult, Settings
from edgeseg.errors import InvalidParameterError, UnavailableError
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
    pil_image = made.overlay()
    assert pil_image.size == (451, 300)
    changed = np.any(np.asarray(pil_image) != made.image.rgb, axis=2)
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


def test_supervision_gets_boxes_masks_and_classes(made: Segmentation) -> None:
    detections = made.to_supervision()
    assert np.allclose(detections.xyxy, [each.box for each in made.objects])
    assert detections.mask is not None
    assert detections.class_id is not None
    assert detections.confidence is not None
    for mask, each in zip(detections.mask, made.objects, strict=True):
        assert np.array_equal(mask, made.mask_of(each.id))
    assert detections.confidence.tolist() == pytest.approx([each.score for each in made.objects])
    names = detections.data["class_name"]
    assert [made.result.phrases[number] for number in detections.class_id] == list(names)
    assert list(names) == [each.label for each in made.objects]


def test_supervision_numbers_other_labels_after_the_phrases(made: Segmentation) -> None:
    first = made.objects[0].model_copy(update={"label": "by hand"})
    changed = Segmentation(made.result.with_object(first), b"")
    class_id = changed.to_supervision().class_id
    assert class_id is not None
    assert class_id[0] == len(made.result.phrases)


def test_supervision_gets_a_result_without_objects(made: Segmentation) -> None:
    empty = Segmentation(made.result.model_copy(update={"objects": []}), b"")
    detections = empty.to_supervision()
    assert len(detections) == 0
    assert detections.mask is not None
    assert detections.mask.shape == (0, 300, 451)


def test_without_supervision_the_error_names_the_extra(
    made: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the import system marks a module that is not there.
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(UnavailableError, match=r"edgeseg\[supervision\]"):
        made.to_supervision()
