"""Evaluation: figures that can be checked by hand, on drawn photos and known answers."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from edgeseg.engines.fake import FakeSegmenter
from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation import Truth, evaluate, read_truth
from edgeseg.types import Detections, Embedding, Image, MaskPrompt, Masks

SQUARE = [10.0, 10.0, 50.0, 50.0]


class KnownDetector:
    """Finds the boxes that it was given, for the phrases asked."""

    name, device, dtype = "known", "cpu", "float32"

    def __init__(self, *rows: tuple[list[float], float, str]) -> None:
        self.rows = rows

    def close(self) -> None:
        """Nothing to free."""

    def detect(
        self, image: Image, phrases: Sequence[str], *, box_threshold: float, text_threshold: float
    ) -> Detections:
        """Return the rows whose label was asked for."""
        rows = [r for r in self.rows if r[2] in phrases and r[1] >= box_threshold]
        boxes = np.array([r[0] for r in rows], np.float32).reshape(-1, 4)
        scores = np.array([r[1] for r in rows], np.float32)
        return Detections(boxes, scores, tuple(r[2] for r in rows))


class BoxSegmenter(FakeSegmenter):
    """Fills the box of a prompt; a click becomes a square of 20 pixels."""

    def segment(self, embedding: Embedding, prompts: Sequence[MaskPrompt]) -> Masks:
        """Return filled rectangles."""
        masks = np.zeros((len(prompts), *embedding.size_hw), bool)
        for mask, prompt in zip(masks, prompts, strict=True):
            x, y = prompt.points_xy[0] if len(prompt.points_xy) else (0, 0)
            x0, y0, x1, y1 = map(int, prompt.box_xyxy or (x - 10, y - 10, x + 10, y + 10))
            mask[y0:y1, x0:x1] = True
        return Masks(masks, np.ones(len(prompts), np.float32))


def _truth(folder: Path, exhaustive: list[str], as_tar: bool) -> Truth:
    out = io.BytesIO()
    PIL.Image.new("RGB", (100, 100), "gray").save(out, "PNG")
    if as_tar:
        place = folder / "photos.tar"
        with tarfile.open(place, "w") as archive:
            member = tarfile.TarInfo("a.png")
            member.size = len(out.getvalue())
            archive.addfile(member, io.BytesIO(out.getvalue()))
    else:
        place = folder / "photos"
        place.mkdir()
        (place / "a.png").write_bytes(out.getvalue())
    x0, y0, x1, y1 = SQUARE
    square = [x0, y0, x1, y0, x1, y1, x0, y1]
    row: dict[str, Any] = {"image_id": 7, "iscrowd": 0}
    table = {
        "images": [{"id": 7, "file_name": "a.png", "source": "s"}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
        "annotations": [
            {**row, "id": 1, "category_id": 3, "bbox": [10, 10, 40, 40], "segmentation": [square]},
            {**row, "id": 2, "category_id": 5, "bbox": [60, 60, 20, 20]},
        ],
        "info": {"sources": {"s": {"exhaustive": exhaustive}}},
    }
    path = folder / "truth.json.gz"
    path.write_bytes(gzip.compress(json.dumps(table).encode()))
    return read_truth(path, [place], ["s"])


def test_perfect_answers_score_one(tmp_path: Path) -> None:
    """Right boxes, right masks: everything is 1, and a click's small square is not."""
    truth = _truth(tmp_path, ["cat", "dog"], as_tar=True)
    detector = KnownDetector((SQUARE, 0.9, "cat"), ([60, 60, 80, 80], 0.8, "dog"))
    result = evaluate(truth, detector, BoxSegmenter())
    assert result["text_to_box"]["ap50"] == pytest.approx(1)
    assert result["box_to_mask"]["miou_medium"] == pytest.approx(1)
    assert result["point_to_mask"]["miou"] == pytest.approx(400 / 1600)
    assert result["text_to_mask"]["miou"] == pytest.approx(1)
    assert result["images"] == 1


def test_classes_that_a_source_does_not_complete_do_not_count(tmp_path: Path) -> None:
    """A missed dog costs nothing where dogs are not labelled completely."""
    truth = _truth(tmp_path, ["cat"], as_tar=False)
    result = evaluate(truth, KnownDetector((SQUARE, 0.9, "cat")), None)
    per_class = result["text_to_box"]["per_class"]
    assert list(per_class) == ["cat"]
    assert per_class["cat"]["ap50"] == pytest.approx(1)
    assert "box_to_mask" not in result


def test_a_false_box_above_the_right_one_halves_precision(tmp_path: Path) -> None:
    """One wrong answer ranked first, then the right one: precision one half."""
    truth = _truth(tmp_path, ["cat"], as_tar=False)
    detector = KnownDetector(([60, 10, 90, 40], 0.95, "cat"), (SQUARE, 0.9, "cat"))
    assert evaluate(truth, detector, None)["text_to_box"]["ap50"] == pytest.approx(0.5)


def test_words_that_miss_the_threshold_give_no_mask(tmp_path: Path) -> None:
    """Text to mask is measured at the threshold that users get."""
    truth = _truth(tmp_path, ["cat"], as_tar=False)
    result = evaluate(truth, KnownDetector((SQUARE, 0.2, "cat")), BoxSegmenter())
    assert result["text_to_mask"]["miou"] == 0


def test_bad_annotations_are_one_clear_error(tmp_path: Path) -> None:
    """Not COCO, or no image of the sources asked for."""
    (tmp_path / "bad.json").write_text('{"images": []}')
    with pytest.raises(InvalidParameterError, match="COCO"):
        read_truth(tmp_path / "bad.json", [tmp_path])
