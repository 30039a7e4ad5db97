"""Label-map PNGs, read with Pillow and the names beside them."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image

from edgeseg.exporters import ImageResult, export_files
from edgeseg.types import BoolArray
from tests.unit.exporters.results import SIZE_HW, make_result


def opened(data: bytes) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(data))


def labels_of(text: bytes) -> list[tuple[str, tuple[int, ...]]]:
    rows = [row.split(":") for row in text.decode().splitlines() if not row.startswith("#")]
    assert all(len(row) == 4 for row in rows)
    return [(row[0], tuple(map(int, row[1].split(",")))) for row in rows]


def test_maps_hold_each_mask_exactly(
    image_result: ImageResult, expected: dict[int, tuple[str, BoolArray]]
) -> None:
    files = export_files([image_result], "png")
    names = [name for name, _ in labels_of(files["labelmap.txt"])]
    assert names == ["background", "ring", "cup", "кошка 🐈", "dot", "corner", "nothing"]
    classes = np.array(opened(files["SegmentationClass/photo.png"]))
    objects = np.array(opened(files["SegmentationObject/photo.png"]))
    assert classes.dtype == objects.dtype == np.uint8
    for number, (label, mask) in enumerate(expected.values(), 1):
        assert np.array_equal(objects == number, mask)
        assert set(classes[mask]) == {names.index(label)}
    assert not classes[objects == 0].any()


def test_the_palette_is_that_of_pascal_voc(image_result: ImageResult) -> None:
    files = export_files([image_result], "png")
    image = opened(files["SegmentationClass/photo.png"])
    assert image.mode == "P"
    palette = np.array(image.getpalette()).reshape(-1, 3)
    assert palette[:4].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert palette[[12, 20, 255]].tolist() == [[64, 0, 128], [0, 64, 128], [224, 224, 192]]
    for number, (_, colour) in enumerate(labels_of(files["labelmap.txt"])):
        assert tuple(palette[number]) == colour


def test_more_objects_than_a_palette_holds() -> None:
    masks = {}
    for number in range(300):
        mask = np.zeros(SIZE_HW, bool)
        mask[number // 100 * 2, number % 100] = True
        masks[f"dot/{number}"] = mask
    files = export_files([ImageResult(make_result(masks), "many.png")], "png")
    objects = np.array(opened(files["SegmentationObject/many.png"]))
    assert objects.max() == 300
    assert (objects > 0).sum() == 300
    assert opened(files["SegmentationClass/many.png"]).mode == "P"


def test_names_that_would_break_the_list_are_changed(empty: ImageResult) -> None:
    mask = np.ones(SIZE_HW, bool)
    masks = {"a:b": mask, "#c  d": mask, "background": mask}
    files = export_files([ImageResult(make_result(masks), "a.png"), empty], "png")
    names = [name for name, _ in labels_of(files["labelmap.txt"])]
    assert names == ["background", "a_b", "_c d", "background_2"]
    assert files["ImageSets/Segmentation/default.txt"] == b"a\nempty\n"
    assert not np.array(opened(files["SegmentationClass/empty.png"])).any()
