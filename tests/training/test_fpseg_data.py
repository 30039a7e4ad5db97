"""The classes, photos, pairs, losses and figures of FPSeg's tools."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeseg.errors import InvalidParameterError, NotFoundError
from tests.training.fpseg_data import (
    NAMES,
    NONE,
    draw,
    write_cityscapes,
    write_label_maps,
    write_panoptic,
)
from training.fpseg.cityscapes import cityscapes_table
from training.fpseg.class_table import plain_table
from training.fpseg.config import DataOptions
from training.fpseg.data import open_photos
from training.fpseg.figures import measure
from training.fpseg.index import shown_rows
from training.fpseg.losses import mask_losses
from training.fpseg.pairs import Pair, PairSampler

ROWS = (
    "road, flat, sidewalk, parking, rail track, building, construction, wall, fence, guard rail, "
    "bridge, tunnel, pole, object, polegroup, traffic light, traffic sign, vegetation, nature, "
    "terrain, sky, person, human, rider, car, vehicle, truck, bus, caravan, trailer, train, "
    "motorcycle, bicycle"
)


def test_cityscapes_has_the_33_rows_of_the_original_19_of_them_evaluated() -> None:
    table = cityscapes_table()
    assert ", ".join(table.names) == ROWS
    assert len(table.evaluated) == 19
    assert {table.names[row] for row in table.evaluated}.isdisjoint({"flat", "vehicle", "bridge"})
    ids = np.array([[7, 9, 26, 23, 0]], np.uint8)
    assert table.mask(ids, table.names.index("flat")).tolist() == [[1, 1, 0, 0, 0]]
    # Parking is no class that is evaluated.
    places = table.truth(ids)[0].tolist()
    names = [table.names[table.evaluated[p]] if p != 255 else None for p in places]
    assert names == ["road", None, "car", "sky", None]


def test_photos_are_read_as_cityscapes_lays_them_out(tmp_path: Path) -> None:
    options = DataOptions(data_root=write_cityscapes(tmp_path))
    photos = open_photos(options, "val")
    assert photos.keys == ["ulm/ulm_000000_000019", "ulm/ulm_000001_000019"]
    rgb, ids = draw(101, (32, 64))
    assert np.array_equal(photos.photo(photos.keys[1]), rgb)
    assert np.array_equal(photos.ids(photos.keys[1]) == 26, ids == 2)
    with pytest.raises(NotFoundError, match="test"):
        open_photos(options, "test")


def test_photos_are_read_beside_their_label_maps_and_from_tars(tmp_path: Path) -> None:
    write_label_maps(tmp_path)
    options = DataOptions(data_root=tmp_path, dataset="label_maps", classes=NAMES)
    photos = open_photos(options, "train")
    ids = photos.ids("p1")
    assert set(np.unique(ids)) == {0, 1, 2, 255}
    assert np.array_equal(ids == 255, draw(1)[1] == NONE)
    with tarfile.open(tmp_path / "packed.tar", "w") as archive:
        archive.add(tmp_path / "train", "x")
    packed = open_photos(options, "packed")
    assert packed.keys == photos.keys
    assert np.array_equal(packed.ids("p1"), ids)
    (tmp_path / "names.txt").write_text("sky\ngrass\n\nball\n")
    listed = options.model_copy(update={"classes": tmp_path / "names.txt"})
    assert open_photos(listed, "train").table.names == NAMES
    with pytest.raises(InvalidParameterError, match="name each number"):
        open_photos(options.model_copy(update={"classes": ()}), "train")


def test_coco_panoptic_numbers_its_categories_by_their_ids(tmp_path: Path) -> None:
    options = DataOptions(data_root=write_panoptic(tmp_path), dataset="coco_panoptic")
    photos = open_photos(options, "val")
    assert photos.table.names == ("ball", "sky", "grass")
    _, ids = draw(1)
    assert np.array_equal(photos.ids("000001"), np.array([1, 2, 0, 255])[ids])


def test_labels_are_counted_once(tmp_path: Path) -> None:
    options = DataOptions(data_root=write_label_maps(tmp_path), dataset="label_maps", classes=NAMES)
    photos = open_photos(options, "train")
    shown = shown_rows(photos, tmp_path / "labels.json", 0)
    assert shown.tolist() == [[True, True, bool(number % 2)] for number in range(6)]
    path = tmp_path / "labels.json"
    data = json.loads(path.read_text())
    data["counts"]["p0"] = {"2": 9}
    path.write_text(json.dumps(data))
    assert shown_rows(photos, path, 0)[0].tolist() == [False, False, True]
    # An index that is broken or of other photos is made anew.
    path.write_text("{")
    assert np.array_equal(shown_rows(photos, path, 0), shown)


def test_pairs_show_the_class_as_often_as_the_original_s() -> None:
    """A class on 1 of 10 photos is shown by a fifth of its pairs, one on 6 of 10 by six tenths."""
    shown = np.zeros((10, 4), bool)
    shown[:1, 0] = shown[:6, 1] = shown[:, 2] = True
    pairs = PairSampler(shown, range(4), 500, 0.8, seed=1).epoch(3)
    assert len(pairs) == 2000
    shares = [np.mean([shown[p.photo, p.row] for p in pairs if p.row == row]) for row in range(4)]
    assert shares == pytest.approx([0.2, 0.6, 1.0, 0.0], abs=0.06)
    again, other = (PairSampler(shown, range(4), 500, 0.8, 1).epoch(n) for n in (3, 4))
    assert pairs == again
    assert pairs != other
    few = PairSampler(shown, [2], 500, 0.8, seed=1).epoch(0, flips=True)
    assert {pair.row for pair in few} == {2}
    assert np.mean([pair.is_mirrored for pair in few]) == pytest.approx(0.5, abs=0.1)


def test_losses_are_those_of_the_formulas() -> None:
    mask = torch.zeros(1, 8, 8, dtype=torch.uint8)
    mask[:, :4] = 1
    sure = (mask.float() * 2 - 1) * 50
    right, wrong = mask_losses(sure, mask), mask_losses(-sure, mask)
    assert right.bce.item() == pytest.approx(0, abs=1e-6)
    assert right.dice.item() == pytest.approx(0, abs=1e-6)
    assert wrong.bce.item() == pytest.approx(50)
    assert wrong.dice.item() == pytest.approx(1 - 1 / 65)
    mask[:, 4:] = 255
    half = mask_losses(torch.where(mask == 1, 0.0, 99.0), mask)
    assert half.bce.item() == pytest.approx(np.log(2))


def test_figures_are_the_mean_by_the_best_class_and_the_pooled_one(tmp_path: Path) -> None:
    options = DataOptions(data_root=write_label_maps(tmp_path), dataset="label_maps", classes=NAMES)
    photos = open_photos(options, "val")

    def right(key: str, rows: object) -> torch.Tensor:
        ids = photos.ids(key)
        truth = [np.where(ids == row, 9.0, -9.0) for row in rows]  # type: ignore[attr-defined]
        return torch.tensor(np.stack(truth), dtype=torch.float32)

    pairs = [Pair(0, 0), Pair(1, 2), Pair(1, 2)]
    perfect = measure(right, photos, pairs)
    assert (perfect.miou, perfect.pooled, perfect.images) == (1.0, 1.0, 3)

    def sky(key: str, rows: object) -> torch.Tensor:
        made = right(key, rows)
        made[0] = 99
        return made

    found = measure(sky, photos, pairs)
    counted = np.concatenate([photos.ids(key).ravel() for key in photos.keys])
    share = (counted == 0).sum() / (counted != 255).sum()
    assert found.as_json()["per_class"] == {
        "sky": pytest.approx(share, abs=1e-4), "grass": 0.0, "ball": 0.0
    }  # fmt: skip
    assert found.miou == pytest.approx(share / 3)
    first, ball = photos.ids("p0"), int((photos.ids("p1") == 2).sum())
    inside, either = int((first == 0).sum()), int((first != 255).sum())
    assert found.pooled == pytest.approx((inside + 2 * ball) / (either + 2 * ball))
    assert measure(sky, photos, pairs, (24, 40), limit=1).images == 1


def test_names_of_classes_are_checked() -> None:
    table = plain_table(NAMES)
    with pytest.raises(InvalidParameterError, match="'tram'; there are: sky, grass, ball"):
        table.numbers(["tram"])
    assert len({row.colour for row in plain_table([str(n) for n in range(60)]).rows}) == 60
