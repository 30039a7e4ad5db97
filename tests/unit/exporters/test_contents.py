"""Labels, numbers and sizes in exports: in the prompt's order, finite, and within limits."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from edgeseg.codecs import mask_to_rle, rle_vertices
from edgeseg.codecs.polygon import trace
from edgeseg.errors import (
    EdgeSegError,
    ExportTooLargeError,
    ImageTooLargeError,
    InvalidParameterError,
)
from edgeseg.exporters import FORMATS, ImageResult, Limits, export, export_files
from edgeseg.exporters.documents import Document, export_documents
from tests.unit.exporters.results import SIZE_HW, make_result

ONES = np.ones(SIZE_HW, bool)


@pytest.mark.parametrize("found", [["cat"], ["dog", "cat"], [], ["bird"]])
def test_labels_have_the_numbers_of_the_phrases(found: list[str]) -> None:
    result = make_result(dict.fromkeys(found, ONES))
    result = result.model_copy(update={"phrases": ["dog", "bird", "cat"]})
    renamed = make_result({"wolf": ONES}).model_copy(update={"phrases": ["dog"]})
    image_results = [ImageResult(result, "1.jpg"), ImageResult(renamed, "2.jpg")]
    coco = json.loads(export(image_results, "coco").data)
    labels = ["dog", "bird", "cat", "wolf"]
    assert [row["name"] for row in coco["categories"]] == labels
    ids = [row["category_id"] for row in coco["annotations"]]
    assert ids == [labels.index(label) + 1 for label in (*found, "wolf")]
    yaml = export_files(image_results, "yolo")["data.yaml"].decode()
    assert yaml.endswith('0: "dog"\n  1: "bird"\n  2: "cat"\n  3: "wolf"\n')
    label_map = export_files(image_results, "png")["labelmap.txt"].decode().splitlines()
    assert [line.partition(":")[0] for line in label_map[2:]] == labels


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize(
    "label", ["", " ", "a\nb", "a\0", "\x1b[31m", "\u2028", "\ufffe", "\x85", "x" * 5000]
)
@pytest.mark.parametrize("place", ["label", "phrase"])
def test_labels_that_files_cannot_hold_are_refused(
    format_name: str, label: str, place: str
) -> None:
    result = make_result({"cat": ONES})
    if place == "phrase":
        result = result.model_copy(update={"phrases": ["cat", label]})
    else:
        changed = result.objects[0].model_copy(update={"label": label})
        result = result.model_copy(update={"objects": [changed]})
    with pytest.raises(InvalidParameterError, match=r"a\.jpg: the label "):
        export([ImageResult(result, "a.jpg")], format_name)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("objects", 0, "score"), "NaN"),
        (("objects", 0, "score"), "-Infinity"),
        (("objects", 0, "score"), "1e308"),
        (("objects", 0, "score"), "1e999"),
        (("objects", 0, "box"), "[0, 0, Infinity, 1]"),
        (("objects", 0, "box"), "[-1e308, 0, 1e308, 1]"),
        (("objects", 0, "id"), "1" * 5000),
        (("objects", 0, "id"), "-1"),
        (("objects", 0, "area"), "1" + "0" * 400),
        (("objects", 0, "label"), '"\\ud800"'),
        (("objects", 0, "mask", "counts"), '"\\u00e9"'),
        (("objects", 0, "mask", "size"), "[-90, -120]"),
        (("image", "width"), "0"),
        (("image", "width"), "1099511627776"),
        (("timings_ms",), '{"total": NaN}'),
        (("task_id",), '"a\\r\\nSet-Cookie: b"'),
        (("task_id",), '"..\\\\..\\\\evil"'),
        (("task_id",), '""'),
        (("phrases",), '["\\ud800"]'),
        (("filters",), '[{"kind": "exclude", "filters": ' + "[" * 3000 + "]" * 3000 + "}]"),
    ],
)
def test_numbers_and_texts_from_outside_are_checked(
    format_name: str, path: tuple[str | int, ...], value: str
) -> None:
    document = json.loads(make_result({"cat": ONES}).model_dump_json())
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = "HERE"
    data = json.dumps(document).replace('"HERE"', value).encode()
    with pytest.raises(InvalidParameterError):
        export_documents([Document(data)], format_name, Limits())


def test_an_area_is_that_of_the_mask() -> None:
    result = make_result({"cat": ONES})
    changed = result.objects[0].model_copy(update={"area": 7})
    result = result.model_copy(update={"objects": [changed]})
    coco = json.loads(export([ImageResult(result)], "coco").data)
    assert coco["annotations"][0]["area"] == ONES.size


def test_errors_in_large_documents_are_short() -> None:
    document = json.loads(make_result({"cat": ONES}).model_dump_json())
    document["objects"] = [{}] * 5000
    with pytest.raises(InvalidParameterError, match="and 29980 more") as caught:
        export_documents([Document(json.dumps(document).encode())], "coco", Limits())
    assert len(json.dumps(caught.value.to_problem())) < 10_000


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (Limits(max_image_pixels=ONES.size - 1), ImageTooLargeError),
        (Limits(max_objects=2), ExportTooLargeError),
        (Limits(max_pixels=4 * ONES.size - 1), ExportTooLargeError),
        (Limits(max_vertices=11), ExportTooLargeError),
    ],
)
def test_limits(limits: Limits, error: type[EdgeSegError]) -> None:
    result = make_result(dict.fromkeys(("cat", "dog", "bird"), ONES))
    with pytest.raises(error) as caught:
        export([ImageResult(result)], "coco", limits)
    assert caught.value.status == 413
    exact = Limits(ONES.size, 3, 4 * ONES.size, 12)
    assert export([ImageResult(result)], "coco", exact) == export([ImageResult(result)], "coco")
    export([ImageResult(result)], "coco-rle", Limits(max_vertices=1))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("size_hw", [(30, 40), (1, 9), (9, 1), (7, 3)])
def test_vertices_are_counted_without_decoding(size_hw: tuple[int, int], share: float) -> None:
    mask = np.random.default_rng(0).random(size_hw) < share
    corners = sum(len(ring.corners) for part in trace(mask) for ring in part)
    assert corners <= rle_vertices(mask_to_rle(mask)) + 2 * size_hw[1]
    assert rle_vertices(mask_to_rle(mask)) <= corners + 2 * size_hw[1]
