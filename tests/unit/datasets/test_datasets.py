"""Splits, summaries and files of data sets, opened by what trains on them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest
import supervision
import yaml
from pycocotools.coco import COCO

from edgeseg.datasets.doubts import Doubt
from edgeseg.datasets.formats import FORMAT_NAMES, dataset_files, place_of
from edgeseg.datasets.page import page
from edgeseg.datasets.rows import LabelledImage, difference_hash
from edgeseg.datasets.splits import NAMES, Split, parse_shares
from edgeseg.datasets.summary import near_copies, review_list, summary
from edgeseg.engines.torch.torchvision_ops import make_importable
from edgeseg.errors import InvalidParameterError
from edgeseg.types import Image
from tests.unit.exporters.results import SIZE_HW, disc, iou, make_result

CLASSES = ["unicorn", "cup", "dog"]


def labelled(name: str, split: str, labels: tuple[str, ...] = ()) -> LabelledImage:
    masks = {f"{label}/{n}": disc(20 + 40 * n, 30, 15) for n, label in enumerate(labels)}
    result = make_result(masks).model_copy(update={"phrases": CLASSES})
    return LabelledImage(
        file=f"photos/{name}", name=name, split=split, sha256=name, size_bytes=10,
        difference_hash=hashlib.sha256(name.encode()).hexdigest()[:16], result=result,
    )  # fmt: skip


@pytest.fixture
def images() -> list[LabelledImage]:
    return [
        labelled("a/1.jpg", "train", ("cup", "dog")),
        labelled("a/2.jpg", "train", ("cup",)),
        labelled("b/1.jpg", "val", ("dog",)),
        labelled("b/2.jpg", "val"),
    ]


def written(folder: Path, images: list[LabelledImage], format_name: str) -> Path:
    files = dataset_files(images, CLASSES, format_name)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for each in images:
        name = place_of(each.split, each.name, format_name)
        assert name not in files
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", SIZE_HW[::-1]).save(place)
    return folder


def test_shares_are_kept_and_an_image_stays_where_it_is() -> None:
    split = Split((0.7, 0.2, 0.1), seed=3)
    hashes = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(5000)]
    dealt = [split.of(each) for each in hashes]
    counts = [dealt.count(name) / len(dealt) for name in NAMES]
    assert np.allclose(counts, (0.7, 0.2, 0.1), atol=0.03)
    assert [Split((0.7, 0.2, 0.1), seed=3).of(each) for each in hashes] == dealt
    assert [Split((0.7, 0.2, 0.1), seed=4).of(each) for each in hashes] != dealt
    assert {Split((0, 1, 0)).of(each) for each in hashes} == {"val"}


def test_shares_are_read() -> None:
    assert parse_shares("80,10,10") == (0.8, 0.1, 0.1)
    assert parse_shares("3,1") == (0.75, 0.25, 0)
    for text in ("", "a", "0,0", "1,1,1,1", "-1,2", "nan", "inf"):
        with pytest.raises(InvalidParameterError, match="--split"):
            parse_shares(text)


@pytest.mark.parametrize("format_name", FORMAT_NAMES)
def test_no_split_is_written_without_an_image(
    images: list[LabelledImage], format_name: str
) -> None:
    names = dataset_files(images, CLASSES, format_name)
    assert {name.split("/")[0] for name in names} - {"data.yaml"} == {"train", "val"}
    assert dataset_files([], CLASSES, format_name).keys() <= {"data.yaml"}


def test_coco_has_all_classes_in_every_split(tmp_path: Path, images: list[LabelledImage]) -> None:
    make_importable()
    import torchvision

    folder = written(tmp_path, images, "coco")
    for split, counts in (("train", [2, 1]), ("val", [1, 0])):
        coco = COCO(str(folder / split / "annotations.json"))
        assert [row["name"] for row in coco.loadCats(coco.getCatIds())] == CLASSES
        assert coco.getCatIds() == [1, 2, 3]
        dataset = torchvision.datasets.CocoDetection(
            str(folder / split / "images"), str(folder / split / "annotations.json")
        )
        assert [len(objects) for _, objects in dataset] == counts
    (cup, dog) = torchvision.datasets.CocoDetection(
        str(folder / "train/images"), str(folder / "train/annotations.json")
    )[0][1]
    assert (cup["category_id"], dog["category_id"]) == (2, 3)


def test_yolo_has_one_file_for_all_splits(tmp_path: Path, images: list[LabelledImage]) -> None:
    folder = written(tmp_path, images, "yolo")
    config = yaml.safe_load((folder / "data.yaml").read_text())
    assert list(config["names"].values()) == CLASSES
    assert (config["train"], config["val"]) == ("train/images", "val/images")
    loaded = supervision.DetectionDataset.from_yolo(
        str(folder / config["train"] / "a"), str(folder / "train/labels/a"),
        str(folder / "data.yaml"), force_masks=True,
    )  # fmt: skip
    found = {Path(path).name: rows for path, _, rows in loaded}
    class_ids, masks = found["1.jpg"].class_id, found["1.jpg"].mask
    assert class_ids is not None
    assert masks is not None
    assert class_ids.tolist() == [1, 2]
    assert iou(np.asarray(masks[0]), disc(20, 30, 15)) >= 0.98
    # Trainers ask for a validation set, also where there is none.
    alone = dataset_files(images[:2], CLASSES, "yolo")["data.yaml"]
    assert yaml.safe_load(alone)["val"] == "train/images"


def test_pascal_voc_has_boxes_beside_its_label_maps(
    tmp_path: Path, images: list[LabelledImage]
) -> None:
    folder = written(tmp_path, images, "voc") / "train"
    root = ElementTree.parse(folder / "Annotations" / "a/1.xml")
    boxes = [[int(str(each.text)) for each in box] for box in root.iter("bndbox")]
    rows, columns = np.nonzero(disc(20, 30, 15))
    assert boxes[0] == [columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1]
    assert [each.text for each in root.iter("name")] == ["cup", "dog"]
    loaded = supervision.DetectionDataset.from_pascal_voc(
        str(folder / "JPEGImages" / "a"), str(folder / "Annotations" / "a")
    )
    assert loaded.classes == ["cup", "dog"]
    assert sorted(len(rows) for _, _, rows in loaded) == [1, 2]


def test_the_summary_counts_classes_that_were_not_found(images: list[LabelledImage]) -> None:
    figures = summary(images, CLASSES, {"x.jpg": "photos/a/1.jpg"}, {"y.jpg": "broken"})
    assert figures["splits"] == {"train": 2, "val": 2, "test": 0}
    assert [(row["number"], row["objects"], row["images"]) for row in figures["classes"]] == [
        (0, 0, 0), (1, 2, 2), (2, 2, 2),
    ]  # fmt: skip
    assert figures["classes"][2]["by_split"] == {"train": 1, "val": 1, "test": 0}
    assert figures["empty_images"] == ["b/2.jpg"]
    assert figures["classes"][1]["area_px"]["median"] == disc(20, 30, 15).sum()


def test_copies_in_another_size_are_found(images: list[LabelledImage], photo_folder: Path) -> None:
    with PIL.Image.open(photo_folder / "chelsea.png") as pil_image:
        photo = pil_image.convert("RGB")
    small = photo.resize((photo.width // 2, photo.height // 2))
    with PIL.Image.open(photo_folder / "coffee.png") as pil_image:
        other = pil_image.convert("RGB")
    for each, shown in zip(images, (photo, other, small), strict=False):
        each.difference_hash = difference_hash(Image.from_array(np.asarray(shown)))
    images[3].difference_hash = "0" * 16
    (pair,) = near_copies([*images, images[3].model_copy()])
    assert pair["names"] == ["a/1.jpg", "b/1.jpg"]
    assert pair["splits"] == ["train", "val"]


def test_hashes_of_copies_differ_in_three_bits_at_most(images: list[LabelledImage]) -> None:
    for last, count in (("0007", 1), ("000f", 0)):
        images[0].difference_hash, images[1].difference_hash = (
            "ffff" * 2 + "0" * 8,
            f"ffffffff0000{last}",
        )
        assert len(near_copies(images[:2])) == count


def test_the_most_doubtful_come_first(images: list[LabelledImage]) -> None:
    images[0].doubts = [Doubt(kind="overlap", detail="", weight=0.4)]
    images[3].doubts = [Doubt(kind="nothing found", detail="", weight=1.0)]
    assert [row["name"] for row in review_list(images)] == ["b/2.jpg", "a/1.jpg"]


def test_the_page_shows_sheets_and_escapes_names(images: list[LabelledImage]) -> None:
    images[0].name = '"><script>.jpg'
    classes = ["unicorn", "<b>", "dog"]
    figures = summary(images, classes, {}, {})
    shown: list[str] = []

    def load(each: LabelledImage) -> Image:
        shown.append(each.name)
        if each.name == "a/2.jpg":
            raise OSError("gone")
        return Image.from_array(np.zeros((*SIZE_HW, 3), np.uint8))

    text = page("Data set", figures, images, load)
    assert "<script" not in text
    assert "&lt;b&gt;" in text
    assert text.count("<img ") == 2
    assert "b/2.jpg" in shown


def test_rows_are_read_as_they_were_written(images: list[LabelledImage]) -> None:
    assert LabelledImage.from_row(images[0].row("request")) == images[0]
    with pytest.raises(ValueError, match="not of a data set"):
        LabelledImage.from_row({"file": "a.jpg"})
