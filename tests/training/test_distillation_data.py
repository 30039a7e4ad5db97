"""Configurations, data sets and stored embeddings of the distillation."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from edgeseg.errors import ConflictError, InvalidParameterError, NotFoundError
from tests.training.distillation import SIDE_PX, WORLD, as_tar, small, write_sa1b, write_teacher
from training.common.store import EmbeddingStore
from training.edge_sam.config import Source, load
from training.edge_sam.images import open_images
from training.edge_sam.optimisation import learning_rate
from training.edge_sam.precompute import precompute
from training.edge_sam.samples import Wants, WholeImages, letterboxed, scaled

NAMES = [f"sa_{number}" for number in range(6)]


def test_shipped_configurations_have_the_papers_rates() -> None:
    one, two = load("phase1").optimisation, load("phase2").optimisation
    assert learning_rate(one, one.warmup, 64) == pytest.approx(1.25e-2)
    assert learning_rate(one, 1.0, 64) == pytest.approx(6.25e-7)
    assert learning_rate(one, 0.0, 64) == pytest.approx(6.25e-8)
    assert learning_rate(one, one.warmup / 2, 64) == pytest.approx(6.25e-3, rel=1e-4)
    assert learning_rate(two, 0.0, 16) == pytest.approx(1e-4)
    assert learning_rate(two, 0.5, 16) == pytest.approx(5.5e-5)
    assert learning_rate(two, 1.0, 16) == pytest.approx(1e-5)
    assert one.batch * one.accumulate == 64
    assert two.batch * two.accumulate == 16
    own = load("annotations").optimisation
    flat = [learning_rate(own, progress, 8) for progress in (0.03, 0.3, 1.0)]
    assert flat == pytest.approx([2e-3, 2e-3, 2e-5])


def test_a_file_inherits_and_changes_apply_last(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("base: phase2\nprompts: {objects: 4}\noptimisation: {batch: 3}\n")
    config = load(file, ["prompts.rounds=3", "data.train.images=[a, b]"])
    assert (config.prompts.objects, config.prompts.rounds, config.prompts.box_share) == (4, 3, 0.5)
    assert config.optimisation.batch == 3
    assert config.data.train.images == (Path("a"), Path("b"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("prompts.round=3", "prompts.round"),
        ("student.sizes_px=[100]", "multiples of 32"),
        ("optimisation.steps=9", "exactly one"),
        ("student.width=0.3", "0.25"),
        ("targets", "KEY=VALUE"),
    ],
)
def test_a_wrong_value_is_told_by_its_name(change: str, told: str) -> None:
    with pytest.raises(InvalidParameterError, match=told):
        load("phase2", [change])


def test_sa1b_is_read_from_folders_and_tars(tmp_path: Path) -> None:
    folder = write_sa1b(tmp_path / "images", NAMES, without="sa_3")
    tar = as_tar(folder, tmp_path / "sa_000020.tar")
    sources = [Source(format="sa1b", images=(place,)) for place in (folder, tar)]
    one, two = (open_images(source, seed=5) for source in sources)
    assert one.keys == two.keys
    assert sorted(one.keys) == [name for name in NAMES if name != "sa_3"]
    labelled = two.read("sa_2")
    assert labelled.points_xy.tolist() == [[14.0, 7.0]]
    assert labelled.photo.boxes_xyxy.tolist() == [[10, 5, 30, 20]]
    assert labelled.masks_of([0])[0].sum() == 300
    np.testing.assert_array_equal(labelled.rgb, one.read("sa_2").rgb)


def test_the_order_is_the_seeds_and_a_list_is_kept(tmp_path: Path) -> None:
    source = Source(format="sa1b", images=(write_sa1b(tmp_path / "images", NAMES),))
    orders = [open_images(source, seed).keys for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    (tmp_path / "list.txt").write_text("sa_4\nsa_1\n")
    listed = source.model_copy(update={"keys": tmp_path / "list.txt"})
    assert open_images(listed, 1).keys == ["sa_4", "sa_1"]
    assert open_images(listed.model_copy(update={"limit": 1}), 1).keys == ["sa_4"]
    (tmp_path / "list.txt").write_text("sa_4\nsa_77\n")
    with pytest.raises(NotFoundError, match="sa_77"):
        open_images(listed, 1)


def test_lvis_names_its_images_by_their_addresses(tmp_path: Path) -> None:
    folder = write_sa1b(tmp_path / "val2017", ["000000000007"])
    table = {
        "images": [{"id": 7, "coco_url": "http://x/val2017/000000000007.jpg",
                    "width": 40, "height": 30}],
        "annotations": [{"image_id": 7, "category_id": 3, "bbox": [1, 2, 4, 5],
                         "segmentation": [[1, 2, 5, 2, 5, 7, 1, 7]]}],
        "categories": [{"id": 3, "name": "cup"}],
    }  # fmt: skip
    (tmp_path / "lvis.json.gz").write_bytes(gzip.compress(json.dumps(table).encode()))
    source = Source(format="lvis", images=(folder,), annotations=tmp_path / "lvis.json.gz")
    images = open_images(source, 0)
    assert images.keys == ["val2017/000000000007.jpg"]
    assert images.read(images.keys[0]).photo.boxes_xyxy.tolist() == [[1, 2, 5, 7]]


def test_samples_are_scaled_with_their_objects(tmp_path: Path) -> None:
    images = open_images(Source(format="sa1b", images=(write_sa1b(tmp_path / "i", NAMES),)), 0)
    sample = scaled(images.read("sa_1"), 80, Wants(objects=4, masks=True), np.random.default_rng(0))
    assert sample.inside_hw == (60, 80)
    assert not sample.rgb[60:].any()
    assert sample.boxes_xyxy.tolist() == [[20, 10, 60, 40]]
    assert sample.points_xy.tolist() == [[26, 14]]
    assert sample.masks is not None
    assert sample.masks[0, 10:40, 20:60].all()
    assert sample.masks.sum() == 30 * 40
    assert letterboxed(np.zeros((30, 41, 3), np.uint8), 64)[1] == (47, 64)


def test_every_image_comes_once_an_epoch_in_a_new_order(tmp_path: Path) -> None:
    folder = write_sa1b(tmp_path / "i", NAMES)
    images = open_images(Source(format="sa1b", images=(folder,)), 0)
    samples = WholeImages(images, Wants(seed=3))
    levels = [[int(samples[number, 64].rgb[0, 0, 0]) for number in range(first, first + 6)]
              for first in (0, 6)]  # fmt: skip
    assert sorted(levels[0]) == sorted(levels[1])
    assert len(set(levels[0])) == 6
    assert levels[0] != levels[1]


def test_more_objects_than_wanted_are_drawn_with_replacement(tmp_path: Path) -> None:
    folder = write_sa1b(tmp_path / "i", ["a"])
    table = json.loads((folder / "a.json").read_text())
    row = table["annotations"][0]
    table["annotations"] = [{**row, "bbox": [i, 0, 10, 10]} for i in range(5)]
    (folder / "a.json").write_text(json.dumps(table))
    labelled = open_images(Source(format="sa1b", images=(folder,)), 0).read("a")
    draws = [
        scaled(labelled, 64, Wants(objects=4), np.random.default_rng(seed)).boxes_xyxy[:, 0]
        for seed in range(30)
    ]
    assert all(len(draw) == 4 for draw in draws)
    assert any(len(set(draw.tolist())) < 4 for draw in draws)
    assert len({value for draw in draws for value in draw.tolist()}) == 5
    few = scaled(labelled, 64, Wants(objects=8), np.random.default_rng(0)).boxes_xyxy
    assert len(few) == 5


def test_embeddings_go_on_after_a_kill_and_know_their_teacher(
    photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = write_teacher(tmp_path / "teacher.pth")
    config = small(
        photo_folder, tmp_path, teacher__model=str(teacher), teacher__embeddings=tmp_path / "e"
    )
    precompute(config, WORLD)
    assert "8 images of 0.01 MiB each" in capsys.readouterr().out
    whole = [path.read_bytes() for path in sorted((tmp_path / "e" / "train").glob("*.bin"))]
    assert [len(each) // (256 * 4 * 4 * 2) for each in whole] == [3, 3, 2]
    # A kill leaves a shard that ends within a record, and none after it.
    middle, last = (tmp_path / "e" / "train" / f"shard-0000{number}.bin" for number in (1, 2))
    middle.write_bytes(whole[1][:9000])
    last.unlink()
    store = EmbeddingStore.open(tmp_path / "e" / "train")
    with pytest.raises(NotFoundError, match="4 of 8"):
        store.require(store.keys)
    precompute(config, WORLD)
    assert "4 done" in capsys.readouterr().out
    again = [path.read_bytes() for path in sorted((tmp_path / "e" / "train").glob("*.bin"))]
    # Batches are cut otherwise, which moves last digits.
    for one, other in zip(again, whole, strict=True):
        halves = [np.frombuffer(each, np.float16) for each in (one, other)]
        np.testing.assert_allclose(halves[0], halves[1], atol=0.01)
    (features,) = EmbeddingStore.open(tmp_path / "e" / "train").read(store.keys[4])
    assert features.shape == (256, SIDE_PX // 16, SIDE_PX // 16)
    assert features.tobytes() == again[1][8192:16384]
    another = write_teacher(tmp_path / "other.pth", seed=1)
    with pytest.raises(ConflictError, match="another encoder"):
        precompute(small(photo_folder, tmp_path, teacher__model=str(another),
                         teacher__embeddings=tmp_path / "e"), WORLD)  # fmt: skip
