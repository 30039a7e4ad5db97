"""CVAT exports, held against the structure in CVAT's documentation of XML 1.1 for images."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from edgeseg.codecs.polygon import rasterize
from edgeseg.exporters import ImageResult, export_files
from edgeseg.types import BoolArray
from tests.unit.exporters.results import SIZE_HW, iou, make_result

COMMON = {"label", "source", "occluded", "z_order"}


def parsed(image_results: list[ImageResult]) -> ElementTree.Element:
    return ElementTree.fromstring(export_files(image_results, "cvat")["annotations.xml"])


def mask_of(shape: ElementTree.Element) -> BoolArray:
    """Read a shape by the documentation: points in pixels; run lengths by rows within a box."""
    if shape.tag == "polygon":
        assert set(shape.attrib) == COMMON | {"points"}
        points = [tuple(map(float, pair.split(","))) for pair in shape.attrib["points"].split(";")]
        return rasterize([np.array(points)], SIZE_HW)
    assert shape.tag == "mask"
    assert set(shape.attrib) == COMMON | {"rle", "left", "top", "width", "height"}
    left, top, width, height = (
        int(shape.attrib[name]) for name in ("left", "top", "width", "height")
    )
    mask = np.zeros(SIZE_HW, bool)
    position, inside = 0, False
    for length in map(int, shape.attrib["rle"].split(", ")):
        for pixel in range(position, position + length):
            mask[top + pixel // width, left + pixel % width] = inside
        position, inside = position + length, not inside
    assert position == width * height
    return mask


def test_shapes_hold_the_masks(
    image_result: ImageResult, expected: dict[int, tuple[str, BoolArray]]
) -> None:
    root = parsed([image_result])
    assert root.findtext("version") == "1.1"
    assert root.findtext("meta/task/mode") == "annotation"
    (image,) = root.findall("image")
    assert image.attrib == {"id": "0", "name": "photo.jpg", "width": "120", "height": "90"}
    assert [shape.tag for shape in image] == [
        "mask", "mask", "polygon", "mask", "polygon", "polygon",
    ]  # fmt: skip
    for shape, (label, mask) in zip(image, expected.values(), strict=True):
        assert shape.attrib["label"] == label
        found = mask_of(shape)
        assert iou(found, mask) >= 0.98
        assert shape.tag == "polygon" or np.array_equal(found, mask)
        assert shape.find("attribute[@name='score']") is not None


def test_labels_are_declared_once_with_their_attribute(
    image_result: ImageResult, empty: ImageResult
) -> None:
    root = parsed([image_result, empty, ImageResult(image_result.result, "more/photo.jpg")])
    names = [label.findtext("name") for label in root.findall("meta/task/labels/label")]
    assert names == ["ring", "cup", "кошка 🐈", "dot", "corner", "nothing"]
    attribute = root.find("meta/task/labels/label/attributes/attribute")
    assert attribute is not None
    assert [child.tag for child in attribute] == [
        "name", "mutable", "input_type", "default_value", "values",
    ]  # fmt: skip
    images = [(image.attrib["id"], image.attrib["name"]) for image in root.findall("image")]
    assert images == [("0", "photo.jpg"), ("1", "empty.png"), ("2", "more/photo.jpg")]


def test_labels_and_names_are_escaped() -> None:
    mask = np.zeros(SIZE_HW, bool)
    mask[3:9, 4:20] = True
    root = parsed([ImageResult(make_result({'<a & "b">': mask}), 'x"<&.jpg')])
    shape = root.find("image/polygon")
    assert shape is not None
    assert shape.attrib["label"] == '<a & "b">'
    assert shape.attrib["points"] == "4,3;20,3;20,9;4,9"
