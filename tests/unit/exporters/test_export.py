"""What all formats share: names, files and zips, and bytes that never change."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgeseg import Segmentation
from edgeseg.errors import InvalidParameterError, UnknownFormatError
from edgeseg.exporters import FORMATS, MEDIA_TYPES, ImageResult, export, export_files, find_format
from edgeseg.schemas import ImageInfo
from tests.unit.exporters.results import SIZE_HW, make_result


def test_the_formats_have_the_names_that_are_promised() -> None:
    assert set(FORMATS) >= {
        "coco", "yolo", "labelme", "cvat", "label-studio", "geojson", "png",
    }  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("several", [False, True])
def test_the_same_results_make_the_same_bytes(
    image_result: ImageResult, empty: ImageResult, name: str, several: bool
) -> None:
    other = ImageResult(image_result.result, "more/photo.jpg")
    image_results = [image_result, empty, other] if several else [image_result]
    made = export(image_results, name)
    assert made == export(
        [ImageResult(each.result, each.file_name) for each in image_results], name
    )
    files = export_files(image_results, name)
    assert made.file_name.startswith("edgeseg_" if several else "photo")
    if len(files) == 1:
        assert made.data == next(iter(files.values()))
        return
    assert made.media_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        assert archive.testzip() is None
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {name: archive.read(name) for name in archive.namelist()} == files


@pytest.mark.parametrize(
    ("name", "file_name", "suffix"),
    [
        ("coco", "photo_coco.json", ".json"),
        ("coco-rle", "photo_coco-rle.json", ".json"),
        ("yolo", "photo_yolo.zip", ".zip"),
        ("labelme", "photo.json", ".json"),
        ("cvat", "photo_cvat.xml", ".xml"),
        ("label-studio", "photo_label-studio.json", ".json"),
        ("png", "photo_png.zip", ".zip"),
        ("geojson", "photo.geojson", ".geojson"),
    ],
)
def test_names_and_media_types(
    image_result: ImageResult, name: str, file_name: str, suffix: str
) -> None:
    made = export([image_result], name)
    assert (made.file_name, made.media_type) == (file_name, MEDIA_TYPES[suffix])


def test_a_segmentation_exports_itself_under_the_name_of_its_file(
    image_result: ImageResult, tmp_path: Path
) -> None:
    found = Segmentation(image_result.result, "some/photo.jpg")
    made = found.export("coco", tmp_path / "coco.json")
    assert made == export([ImageResult(image_result.result, "some/photo.jpg")], "coco")
    assert (tmp_path / "coco.json").read_bytes() == made.data
    assert found.export("labelme", file_name="other.jpg").file_name == "other.json"
    assert Segmentation(image_result.result, b"bytes").export("labelme").file_name == "3f2c9a.json"


def test_an_unknown_format_names_those_that_exist(image_result: ImageResult) -> None:
    with pytest.raises(UnknownFormatError, match="choose one of coco, ") as caught:
        export([image_result], "tiff")
    assert caught.value.extra["known"] == list(FORMATS)
    assert caught.value.status == 422
    assert find_format("coco").title == "COCO instances"


def test_results_that_cannot_be_exported() -> None:
    with pytest.raises(InvalidParameterError, match="no result"):
        export([], "coco")
    result = make_result({"cat": np.ones(SIZE_HW, bool)})
    wrong = result.model_copy(update={"image": ImageInfo(width=90, height=120)})
    with pytest.raises(InvalidParameterError, match=r"a\.jpg: object 0 has a mask of size"):
        export([ImageResult(wrong, "a.jpg")], "coco")
