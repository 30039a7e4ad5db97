"""YOLO exports, loaded by supervision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import supervision
import yaml

from edgeseg.exporters import ImageResult, export_files
from edgeseg.types import BoolArray
from tests.unit.exporters.results import SIZE_HW, iou, make_result


def load(folder: Path, image_results: list[ImageResult]) -> supervision.DetectionDataset:
    """Lay out the files as the format asks, with an image for each, and read the folder."""
    for name, data in export_files(image_results, "yolo").items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if name.endswith(".txt"):
            size = image_results[0].result.image
            (folder / "images").mkdir(exist_ok=True)
            PIL.Image.new("RGB", (size.width, size.height)).save(
                folder / "images" / f"{path.stem}.jpg"
            )
    return supervision.DetectionDataset.from_yolo(
        str(folder / "images"), str(folder / "labels"), str(folder / "data.yaml"), force_masks=True
    )


def test_supervision_reads_the_masks(
    tmp_path: Path, image_result: ImageResult, expected: dict[int, tuple[str, BoolArray]]
) -> None:
    loaded = load(tmp_path, [image_result])
    ((_, _, found),) = list(loaded)
    assert found.mask is not None
    assert found.class_id is not None
    labels = [loaded.classes[number] for number in found.class_id]
    assert labels == ["ring", "cup", "cup", "cup", "кошка 🐈", "dot", "corner"]
    for label in set(labels):
        ours = np.any([row for row, name in zip(found.mask, labels, strict=True) if name == label],
                      axis=0)  # fmt: skip
        theirs = np.any([mask for name, mask in expected.values() if name == label], axis=0)
        assert iou(ours, theirs) >= 0.98, label


def test_names_and_images_of_a_batch(
    tmp_path: Path, image_result: ImageResult, empty: ImageResult
) -> None:
    loaded = load(tmp_path, [image_result, ImageResult(image_result.result, "more.jpg"), empty])
    assert loaded.classes == ["ring", "cup", "кошка 🐈", "dot", "corner", "nothing"]
    assert {Path(path).stem: len(found) for path, _, found in loaded} == {
        "photo": 7, "more": 7, "empty": 0,
    }  # fmt: skip


def test_any_label_is_a_name_in_yaml() -> None:
    labels = ['a "b": #c', "\\ \xa0", "\ufeffcat", "🐈", "no", "12", "%"]
    result = make_result({label: np.ones(SIZE_HW, bool) for label in labels})
    files = export_files([ImageResult(result, "a.png")], "yolo")
    assert list(yaml.safe_load(files["data.yaml"])["names"].values()) == labels


def test_a_batch_without_objects_is_a_data_set_too(empty: ImageResult) -> None:
    files = export_files([empty], "yolo")
    assert files["labels/empty.txt"] == b""
    assert yaml.safe_load(files["data.yaml"]) == {
        "path": ".", "train": "images", "val": "images", "nc": 0, "names": {},
    }  # fmt: skip
