"""Exports with images: each opened as its tool opens it, without anything put beside it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest
import supervision
import yaml
from pycocotools.coco import COCO

from edgeseg.engines.torch.torchvision_ops import make_importable
from edgeseg.errors import ExportTooLargeError, InvalidParameterError
from edgeseg.exporters import FORMATS, ImageResult, Limits, export, export_files, export_images
from tests.unit.exporters.results import SIZE_HW, iou, make_result, masks

ORIENTATION = 0x0112


def jpeg(size_hw: tuple[int, int] = SIZE_HW, orientation: int = 1) -> bytes:
    """A JPEG that is red above and blue below as it is stored."""
    rgb = np.zeros((*size_hw, 3), np.uint8)
    rgb[: size_hw[0] // 2, :, 0] = rgb[size_hw[0] // 2 :, :, 2] = 250
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    out = io.BytesIO()
    PIL.Image.fromarray(rgb).save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.fixture
def rows() -> list[ImageResult]:
    """Two images of one name in two folders; a result without objects."""
    return [
        ImageResult(make_result(masks()), "cam 1/photo.jpg", jpeg),
        ImageResult(make_result({}), "cam2/photo.jpg", jpeg),
    ]


@pytest.fixture
def unpacked(tmp_path: Path, rows: list[ImageResult]) -> Callable[..., Path]:
    def unpack(format_name: str, prefix: str = "") -> Path:
        made = export(rows, format_name, with_images=True, image_prefix=prefix)
        assert made.file_name == f"edgeseg_{format_name}.zip"
        with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
            archive.extractall(tmp_path / format_name)
        return tmp_path / format_name

    return unpack


def test_yolo_opens_with_its_images(unpacked: Callable[..., Path]) -> None:
    folder = unpacked("yolo")
    config = yaml.safe_load((folder / "data.yaml").read_text())
    for camera, count in (("cam 1", 7), ("cam2", 0)):
        # A trainer finds labels by putting "labels" in the place of the last "images".
        loaded = supervision.DetectionDataset.from_yolo(
            str(folder / config["train"] / camera), str(folder / "labels" / camera),
            str(folder / "data.yaml"), force_masks=True,
        )  # fmt: skip
        ((_, image, found),) = list(loaded)
        assert image.shape == (*SIZE_HW, 3)
        assert len(found) == count


@pytest.mark.parametrize("name", ["coco", "coco-rle"])
def test_torchvision_opens_coco(unpacked: Callable[..., Path], name: str) -> None:
    make_importable()
    import torchvision

    folder = unpacked(name)
    dataset = torchvision.datasets.CocoDetection(
        str(folder / "images"), str(folder / "annotations.json")
    )
    (image, objects), (_, nothing) = dataset[0], dataset[1]
    assert image.size == SIZE_HW[::-1]
    assert len(objects) == 6
    assert nothing == []
    coco = COCO(str(folder / "annotations.json"))
    assert iou(coco.annToMask(objects[0]) > 0, masks()["ring"]) >= 0.98


def test_labelme_opens_the_image_beside_its_file(unpacked: Callable[..., Path]) -> None:
    """As LabelFile.load does: imageData, or else imagePath relative to the file's folder."""
    folder = unpacked("labelme")
    documents = sorted(folder.rglob("*.json"))
    assert [path.relative_to(folder).as_posix() for path in documents] == [
        "cam 1/photo.json", "cam2/photo.json",
    ]  # fmt: skip
    for path in documents:
        document = json.loads(path.read_text())
        with PIL.Image.open(path.parent / document["imagePath"]) as pil_image:
            assert pil_image.size == (document["imageWidth"], document["imageHeight"])


def test_cvat_finds_each_image_by_its_name(unpacked: Callable[..., Path]) -> None:
    """The archive of CVAT for images 1.1: annotations.xml, and images below ``images``."""
    folder = unpacked("cvat")
    images = ElementTree.parse(folder / "annotations.xml").findall("image")
    assert [each.attrib["name"] for each in images] == ["cam 1/photo.jpg", "cam2/photo.jpg"]
    for each in images:
        with PIL.Image.open(folder / "images" / each.attrib["name"]) as pil_image:
            assert pil_image.size == (int(each.attrib["width"]), int(each.attrib["height"]))


def test_label_studio_serves_the_images_from_its_local_files(unpacked: Callable[..., Path]) -> None:
    """As its view of /data/local-files/ does: the parameter d is a path below the document root."""
    folder = unpacked("label-studio", "/data/local-files/?d=images/")
    for task in json.loads((folder / "tasks.json").read_text()):
        (path,) = parse_qs(urlsplit(task["data"]["image"]).query)["d"]
        with PIL.Image.open(folder / path) as pil_image:
            assert pil_image.size == SIZE_HW[::-1]


@pytest.mark.parametrize(
    ("prefix", "address"),
    [
        ("", "cam 1/photo.jpg"),
        ("s3://bucket/", "s3://bucket/cam 1/photo.jpg"),
        ("https://host/", "https://host/cam%201/photo.jpg"),
    ],
)
def test_prefixes_of_label_studio(rows: list[ImageResult], prefix: str, address: str) -> None:
    files = export_files(rows, "label-studio", image_prefix=prefix)
    assert json.loads(files["tasks.json"])[0]["data"]["image"] == address


def test_label_maps_and_images_lie_in_the_folders_of_pascal_voc(
    unpacked: Callable[..., Path],
) -> None:
    folder = unpacked("png")
    for stem in (folder / "ImageSets/Segmentation/default.txt").read_text().splitlines():
        with (
            PIL.Image.open(folder / "JPEGImages" / f"{stem}.jpg") as pil_image,
            PIL.Image.open(folder / "SegmentationClass" / f"{stem}.png") as classes,
        ):
            assert pil_image.size == classes.size


@pytest.mark.parametrize("name", FORMATS)
def test_files_are_copied_to_the_byte(rows: list[ImageResult], name: str) -> None:
    images = dict(export_images(rows, name))
    assert len(images) == 2
    assert set(images.values()) == {jpeg()}
    with zipfile.ZipFile(io.BytesIO(export(rows, name, with_images=True).data)) as archive:
        assert set(archive.namelist()) == set(images) | set(export_files(rows, name))


def test_a_turned_photo_is_written_as_the_masks_are() -> None:
    """Stored with its first row on the right (6): readers that turn and others see one image."""
    height, width = SIZE_HW
    row = ImageResult(make_result({}), "turned.jpg", lambda: jpeg((width, height), 6))
    ((_, data),) = export_images([row], "coco")
    with PIL.Image.open(io.BytesIO(data)) as pil_image:
        assert pil_image.format == "JPEG"
        assert pil_image.size == (width, height)
        assert pil_image.getexif().get(ORIENTATION, 1) == 1
        # The top of the file lies on the right.
        right, left = np.array(pil_image)[45, -10], np.array(pil_image)[45, 10]
    assert right[0] > 200 > right[2]
    assert left[2] > 200 > left[0]


@pytest.mark.parametrize(
    ("row", "format_name", "why"),
    [
        (ImageResult(make_result({}), "a.jpg"), "coco", "no image with it"),
        (ImageResult(make_result({}), "a.jpg", lambda: jpeg((9, 9))), "coco", "9x9 pixels"),
        (ImageResult(make_result({}), "a.json", jpeg), "labelme", "rename the image"),
    ],
)
def test_images_that_do_not_belong_to_their_result(
    row: ImageResult, format_name: str, why: str
) -> None:
    with pytest.raises(InvalidParameterError, match=why):
        export([row], format_name, with_images=True)


def test_images_are_limited_together(rows: list[ImageResult]) -> None:
    size_bytes = 2 * len(jpeg())
    export(rows, "coco", Limits(max_image_bytes=size_bytes), with_images=True)
    with pytest.raises(ExportTooLargeError):
        export(rows, "coco", Limits(max_image_bytes=size_bytes - 1), with_images=True)


def test_a_prefix_is_one_line_of_text(rows: list[ImageResult]) -> None:
    with pytest.raises(InvalidParameterError, match="image_prefix"):
        export(rows, "label-studio", image_prefix="a\nb")
