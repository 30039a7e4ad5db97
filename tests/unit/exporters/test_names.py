"""Names in exports: as on disk, with their folders, and never those of another image."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from edgeseg.errors import InvalidParameterError
from edgeseg.exporters import FORMATS, ImageResult, export, export_files
from edgeseg.exporters.names import apart, relative_names
from tests.unit.exporters.results import SIZE_HW, make_result

PER_IMAGE = [name for name in FORMATS if FORMATS[name].has_file_per_image]
CAMERAS = ["cam1/0001.jpg", "cam1/0001_2.jpg", "cam2/0001.jpg"]


def names_in(format_name: str, names: list[str | None]) -> list[str]:
    """The names of images in an export, as a reader of the format finds them."""
    result = make_result({"cat": np.ones(SIZE_HW, bool)})
    files = export_files([ImageResult(result, name) for name in names], format_name)
    match format_name:
        case "coco" | "coco-rle":
            images = json.loads(files["annotations.json"])["images"]
            return [row["file_name"] for row in images]
        case "cvat":
            root = ElementTree.fromstring(files["annotations.xml"])
            return [str(image.get("name")) for image in root.iter("image")]
        case "label-studio":
            return [row["data"]["image"] for row in json.loads(files["tasks.json"])]
        case "yolo":
            return [path.removeprefix("labels/") for path in files if path.endswith(".txt")]
        case "png":
            return files["ImageSets/Segmentation/default.txt"].decode().split("\n")[:-1]
        case _:
            return list(files)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize(
    "names",
    [
        CAMERAS,
        [
            "Screenshot 9.41\u202fAM.png",
            "a\u00a0b.png",
            "\u3000.png",
            " leading.png",
            "👩\u200d🚀.png",
        ],
        ["кошка.png", ".hidden", "2024-01-01T12:30:00.jpg", "no suffix", "two  blanks .png"],
    ],
)
def test_names_are_as_on_disk(format_name: str, names: list[str | None]) -> None:
    has_suffix = format_name in ("coco", "coco-rle", "cvat", "label-studio")
    found = names_in(format_name, names)
    if has_suffix:
        assert found == names
        return
    stems = [re.sub(r"(?<=[^/])\.\w+$", "", str(name)) for name in names]
    suffix = {"yolo": ".txt", "labelme": ".json", "geojson": ".geojson", "png": ""}[format_name]
    assert found == [stem + suffix for stem in stems]


def test_a_file_of_labelme_names_the_image_beside_it() -> None:
    result = make_result({})
    files = export_files([ImageResult(result, name) for name in CAMERAS], "labelme")
    assert {path: json.loads(data)["imagePath"] for path, data in files.items()} == {
        "cam1/0001.json": "0001.jpg",
        "cam1/0001_2.json": "0001_2.jpg",
        "cam2/0001.json": "0001.jpg",
    }


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["/data/cam1/1.jpg", "/data/cam2/1.jpg"], ["cam1/1.jpg", "cam2/1.jpg"]),
        (["/data/cam1/1.jpg"], ["1.jpg"]),
        (["C:\\data\\cam1\\1.jpg", "C:\\data\\2.jpg"], ["cam1/1.jpg", "2.jpg"]),
        (["../photos/1.jpg", "../photos/more/1.jpg"], ["1.jpg", "more/1.jpg"]),
        (["./a/../b/1.jpg", "b\\2.jpg"], ["b/1.jpg", "b/2.jpg"]),
        (["/etc/../../1.jpg"], ["1.jpg"]),
        (["C:/1.jpg", "D:/1.jpg"], ["C/1.jpg", "D/1.jpg"]),
        (["//server/share/1.jpg"], ["1.jpg"]),
        (["..\\..\\evil.jpg"], ["evil.jpg"]),
    ],
)
def test_names_stay_within_one_folder(names: list[str], expected: list[str]) -> None:
    assert relative_names(names) == expected


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize(
    "name",
    [
        "a\r\nSet-Cookie: x.jpg", "a\0.jpg", "a\u2028b.jpg", "\udcff.jpg", "\x9b.jpg", "a/", "..",
        "../..", ".", "/", "C:", "C:evil.jpg", "é" * 200 + ".jpg", "a/" * 600 + "a.jpg",
        "a" * 70_000,
    ],
)  # fmt: skip
def test_names_that_no_file_can_have_are_refused(format_name: str, name: str) -> None:
    with pytest.raises(InvalidParameterError, match=r"^The file name .{1,99} ") as caught:
        export([ImageResult(make_result({}), name)], format_name)
    assert len(caught.value.detail) < 250


@pytest.mark.parametrize("names", [["../a/1.jpg", "../../b/1.jpg"], ["../a.jpg", "/b.jpg"]])
def test_paths_that_share_no_folder_are_refused(names: list[str]) -> None:
    with pytest.raises(InvalidParameterError, match="shares no folder"):
        relative_names(names)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize(
    "names", [["a/1.jpg", "2.jpg", "a\\1.jpg"], [None, None], ["", None], ["x.jpg", "./x.jpg"]]
)
def test_two_results_of_one_name_are_refused(format_name: str, names: list[str | None]) -> None:
    with pytest.raises(InvalidParameterError, match=r"^Results 1 and \d are both named"):
        export([ImageResult(make_result({}), name) for name in names], format_name)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize(
    "names", [["x.jpg", "x.png"], ["a/X.jpg", "A/x.png"], ["é.jpg", "e\u0301.png"]]
)
def test_images_that_would_share_a_file_are_refused(
    format_name: str, names: list[str | None]
) -> None:
    if not FORMATS[format_name].has_file_per_image:
        assert names_in(format_name, names) == names
        return
    with pytest.raises(InvalidParameterError, match="would share one file"):
        names_in(format_name, names)


@pytest.mark.parametrize(
    "format_name", [name for name in FORMATS if FORMATS[name].has_file_per_image]
)
@pytest.mark.parametrize("name", ["aux.jpg", "a/NUL", "com1.tar.png", "Con /x.jpg"])
def test_files_that_windows_cannot_write_are_refused(format_name: str, name: str) -> None:
    with pytest.raises(InvalidParameterError, match="reserved on Windows"):
        export([ImageResult(make_result({}), name)], format_name)


def test_images_of_one_name_are_kept_apart_in_folders() -> None:
    names = ["1.jpg", "1.jpg", "2/1.jpg", "1.png"]
    assert apart(names, by_stem=False) == ["1.jpg", "2/1.jpg", "2/2/1.jpg", "1.png"]
    assert apart(names, by_stem=True) == ["1.jpg", "2/1.jpg", "2/2/1.jpg", "3/1.png"]
