"""Annotated masks in every format: which images there are, and what they hold."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation.masks import choose_images, open_dataset
from tests.unit.evaluation.mask_data import (
    SIDE,
    SQUARE,
    annotation,
    png,
    sa1b_json,
    write_coco,
    write_tar,
)


def test_coco_is_read_from_folders_and_gzip_and_tars(tmp_path: Path) -> None:
    truth = write_coco(tmp_path)
    zipped = tmp_path / "truth.json.gz"
    zipped.write_bytes(gzip.compress(truth.read_bytes()))
    tar = write_tar(tmp_path / "photos.tar", {"./deep/a.png": png()})
    for path, place in ((truth, tmp_path), (zipped, tar)):
        dataset = open_dataset(path, [place])
        labelled = dataset.labelled("a.png")
        image = dataset.image(labelled)
        assert (dataset.format, dataset.names) == ("coco", ("a.png",))
        assert image is not None
        mask = labelled.instances[0].mask(image.size_hw)
        assert mask is not None
        assert mask.sum() == 1600


@pytest.mark.parametrize(("classes", "kind"), [(1203, "lvis"), (80, "cocofied-lvis")])
def test_lvis_names_its_images_by_address(tmp_path: Path, classes: int, kind: str) -> None:
    table = json.loads(write_coco(tmp_path).read_text())
    for image in table["images"]:
        image["coco_url"] = f"http://images.cocodataset.org/val2017/{image.pop('file_name')}"
    table["categories"] = [{"id": n, "name": f"c{n}"} for n in range(1, classes + 1)]
    path = tmp_path / "lvis.json"
    path.write_text(json.dumps(table))
    dataset = open_dataset(path, [tmp_path])
    assert (dataset.format, dataset.names) == (kind, ("val2017/a.png",))
    # COCO's folder may be named, or the one above it.
    assert dataset.image(dataset.labelled("val2017/a.png")) is not None
    (tmp_path / "val2017").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "val2017" / "a.png")
    assert dataset.image(dataset.labelled("val2017/a.png")) is not None


@pytest.mark.parametrize("as_tar", [True, False])
def test_sa1b_has_a_file_for_each_image_and_a_point_for_each_mask(
    tmp_path: Path, as_tar: bool
) -> None:
    files = {"sa_5.json": sa1b_json(), "sa_5.png": png()}
    place = tmp_path
    if as_tar:
        place = write_tar(tmp_path / "sa.tar", files)
    else:
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
    dataset = open_dataset(place, [place])
    labelled = dataset.labelled(dataset.names[0])
    assert (dataset.format, dataset.names) == ("sa-1b", ("sa_5.json",))
    assert dataset.image(labelled) is not None
    assert labelled.instances[0].point_xy == (12.5, 13.5)
    assert labelled.instances[0].box_xyxy == (10, 10, 50, 50)


def test_images_that_are_missing_or_of_another_size_are_none(tmp_path: Path) -> None:
    dataset = open_dataset(write_coco(tmp_path, ["a.png", "b.png"]), [tmp_path])
    (tmp_path / "a.png").write_bytes(png(SIDE, SIDE + 1))
    (tmp_path / "b.png").unlink()
    assert [dataset.image(dataset.labelled(name)) for name in dataset.names] == [None, None]


def test_a_name_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(png())
    truth = json.loads(write_coco(tmp_path / "in").read_text())
    truth["images"][0]["file_name"] = "../secret.png"
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(truth))
    dataset = open_dataset(path, [tmp_path / "in"])
    assert dataset.image(dataset.labelled("../secret.png")) is None


def test_images_are_drawn_by_a_seed_from_those_with_masks(tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(9)]
    rows = [annotation(n, n, SQUARE) for n in range(1, 9)]
    rows.append(annotation(9, 9, SQUARE, segmentation=None))
    dataset = open_dataset(write_coco(tmp_path, names, rows), [tmp_path])
    assert choose_images(dataset) == names
    drawn = [choose_images(dataset, 4, seed) for seed in range(20)]
    assert drawn[3] == choose_images(dataset, 4, 3) == sorted(drawn[3])
    assert {name for each in drawn for name in each} == set(names[:8])
    listed = tmp_path / "list.txt"
    listed.write_text("folder/7.jpg\n2\n\n")
    assert choose_images(dataset, listed=listed) == ["2.png", "7.png"]
    listed.write_text("nowhere\n")
    with pytest.raises(InvalidParameterError, match="such as nowhere"):
        choose_images(dataset, listed=listed)


def test_wrong_annotations_are_one_clear_error(tmp_path: Path) -> None:
    truth = write_coco(tmp_path)
    with pytest.raises(InvalidParameterError, match="format: expected"):
        open_dataset(truth, [tmp_path], "voc")
    with pytest.raises(InvalidParameterError, match="folder or tar"):
        open_dataset(truth, [tmp_path], "sa-1b")
    with pytest.raises(InvalidParameterError, match="neither a folder nor an uncompressed tar"):
        open_dataset(truth, [truth])
    (tmp_path / "sa").mkdir()
    with pytest.raises(InvalidParameterError, match="no JSON file"):
        open_dataset(tmp_path / "sa", [tmp_path])
    (tmp_path / "sa" / "x.json").write_text('{"image": {}}')
    with pytest.raises(InvalidParameterError, match="SA-1B"):
        open_dataset(tmp_path / "sa", [tmp_path]).labelled("x.json")


def test_a_point_of_coco_is_none(tmp_path: Path) -> None:
    labelled = open_dataset(write_coco(tmp_path), [tmp_path]).labelled("a.png")
    assert labelled.instances[0].point_xy is None
    assert np.isclose(labelled.instances[0].area_px or 0, 1600)


def test_files_are_found_in_folders_of_folders(tmp_path: Path) -> None:
    (tmp_path / "part" / "deep").mkdir(parents=True)
    (tmp_path / "part" / "deep" / "sa_5.json").write_bytes(sa1b_json())
    (tmp_path / "part" / "sa_5.png").write_bytes(png())
    dataset = open_dataset(tmp_path, [tmp_path])
    assert dataset.names == ("sa_5.json",)
    assert dataset.image(dataset.labelled("sa_5.json")) is not None
    assert "sa_5.png" in dataset.files
    assert "sa_6.png" not in dataset.files
    assert "../sa_5.txt" not in dataset.files
