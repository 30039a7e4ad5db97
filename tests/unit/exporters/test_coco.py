"""COCO exports, loaded by COCO's own library and by supervision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import supervision
from pycocotools.coco import COCO

from edgeseg.exporters import ImageResult, export_files
from edgeseg.types import BoolArray
from tests.unit.exporters.results import iou

Expected = dict[int, tuple[str, BoolArray]]


def load(folder: Path, image_results: list[ImageResult], format_name: str) -> COCO:
    (folder / "annotations.json").write_bytes(
        export_files(image_results, format_name)["annotations.json"]
    )
    return COCO(str(folder / "annotations.json"))


@pytest.mark.parametrize(("format_name", "least"), [("coco", 0.98), ("coco-rle", 1.0)])
def test_pycocotools_reads_the_masks(
    tmp_path: Path, image_result: ImageResult, expected: Expected, format_name: str, least: float
) -> None:
    read = load(tmp_path, [image_result], format_name)
    names = {row["id"]: row["name"] for row in read.loadCats(read.getCatIds())}
    rows: list[dict[str, Any]] = read.loadAnns(read.getAnnIds(imgIds=1))
    assert len(rows) == len(expected)
    for row, (label, mask) in zip(rows, expected.values(), strict=True):
        assert names[row["category_id"]] == label
        assert iou(read.annToMask(row).astype(bool), mask) >= least
        assert row["area"] == mask.sum()
        ys, xs = np.nonzero(mask)
        x, y, width, height = row["bbox"]
        assert (x, y, x + width, y + height) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    assert read.loadImgs([1])[0] == {
        "id": 1, "file_name": "photo.jpg", "width": 120, "height": 90,
    }  # fmt: skip


def test_images_share_categories_and_keep_their_objects(
    tmp_path: Path, image_result: ImageResult, empty: ImageResult
) -> None:
    read = load(
        tmp_path, [empty, image_result, ImageResult(image_result.result, "more/photo.jpg")], "coco"
    )
    assert [row["file_name"] for row in read.loadImgs(read.getImgIds())] == [
        "empty.png", "photo.jpg", "more/photo.jpg",
    ]  # fmt: skip
    assert [len(read.getAnnIds(imgIds=number)) for number in (1, 2, 3)] == [0, 6, 6]
    assert sorted(read.getAnnIds()) == list(range(1, 13))
    assert len(read.getCatIds()) == 6


def test_supervision_reads_run_lengths(
    tmp_path: Path, image_result: ImageResult, expected: Expected
) -> None:
    PIL.Image.new("RGB", (120, 90)).save(tmp_path / "photo.jpg")
    load(tmp_path, [image_result], "coco-rle")
    loaded = supervision.DetectionDataset.from_coco(
        str(tmp_path), str(tmp_path / "annotations.json"), force_masks=True
    )
    ((_, _, found),) = list(loaded)
    assert found.mask is not None
    assert found.class_id is not None
    for mask, number, (label, truth) in zip(
        found.mask, found.class_id, expected.values(), strict=True
    ):
        assert loaded.classes[number] == label
        assert np.array_equal(mask, truth)
