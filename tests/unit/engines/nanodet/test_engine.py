"""NanoDet-Plus on a small random network in ncnn's format, through the loader of the real one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.nano.detector import NanoDetector
from edgeseg.engines.nanodet.engine import NanoDetPlus, calibrated
from edgeseg.engines.nanodet.network import (
    STRUCTURE,
    WEIGHTS,
    NanoDetNetwork,
    cell_count,
    decode_boxes,
)
from edgeseg.engines.weights.store import WeightStore
from edgeseg.errors import EngineUnavailableError
from edgeseg.selection.boxes import iou
from edgeseg.testing.checkpoints import nanodet
from edgeseg.types import Image

LENIENT = {"box_threshold": 0.3, "text_threshold": 0.3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    nanodet.write(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def photo(photo_folder: Path) -> Image:
    with PIL.Image.open(photo_folder / "chelsea.png") as pil_image:
        return Image.from_array(np.array(pil_image.convert("RGB")))


def test_a_class_is_the_networks_and_another_phrase_is_nanos(folder: Path, photo: Image) -> None:
    engine = NanoDetPlus(folder)
    dogs = engine.detect(photo, ["dog", "puppies"], **LENIENT)
    assert set(dogs.labels) == {"dog", "puppies"}
    assert "_nano" not in vars(engine), "nano's detector is loaded only when it is needed"
    by_name = [dogs.take([each == name for each in dogs.labels]) for name in ("dog", "puppies")]
    np.testing.assert_array_equal(by_name[0].scores, by_name[1].scores)
    whiskers = engine.detect(photo, ["pillow"], box_threshold=0.02, text_threshold=0.02)
    alone = NanoDetector().detect(photo, ["pillow"], box_threshold=0.02, text_threshold=0.02)
    assert len(alone)
    np.testing.assert_array_equal(whiskers.boxes_xyxy, alone.boxes_xyxy)
    both = engine.detect(photo, ["dog", "pillow"], box_threshold=0.02, text_threshold=0.02)
    assert set(both.labels) == {"dog", "pillow"}
    assert (np.diff(both.scores) <= 0).all()


def test_scores_are_the_networks_and_boxes_do_not_repeat(folder: Path, photo: Image) -> None:
    boxes, scores = NanoDetNetwork(folder).forward(photo)
    found = NanoDetPlus(folder).detect(photo, ["dog"], **LENIENT)
    assert found.scores[0] == calibrated(scores[:, 16]).max()
    np.testing.assert_array_equal(found.boxes_xyxy[0], boxes[scores[:, 16].argmax()])
    overlap = iou(found.boxes_xyxy, found.boxes_xyxy)
    assert (overlap[~np.eye(len(found), dtype=bool)] <= 0.6).all()


def test_calibration_moves_the_threshold_and_keeps_the_order() -> None:
    scores = calibrated(np.array([0, 0.02, 0.3, 0.35, 1], np.float32))
    assert scores[[0, 2, 4]] == pytest.approx([0, 0.35, 1])
    assert (np.diff(scores) > 0).all()


def test_an_animal_is_any_of_them(folder: Path, photo: Image) -> None:
    _, scores = NanoDetNetwork(folder).forward(photo)
    animals = NanoDetPlus(folder).detect(photo, ["animal"], **LENIENT)
    assert animals.scores[0] == calibrated(scores[:, 14:24]).max()


def test_distances_are_means_of_their_bins_from_the_upper_left_corner() -> None:
    bins = np.full((cell_count((64, 96)), 4, 8), -50, np.float32)
    bins[:, :, 0] = 50
    # The cell in the second row and third column of stride 8, and the second of stride 32.
    cell, coarse = 96 // 8 + 2, cell_count((64, 96)) - 2 - 6 + 1
    bins[cell] = -50
    bins[cell, [0, 1, 2, 3], [1, 0, 3, 2]] = 50
    bins[coarse] = -50
    bins[coarse, :, 1:3] = 50
    boxes = decode_boxes(bins.reshape(len(bins), 32), (64, 96))
    assert boxes[cell] == pytest.approx([16 - 8, 8, 16 + 24, 8 + 16])
    assert boxes[coarse] == pytest.approx([32 - 48, -48, 32 + 48, 48])
    assert boxes[0] == pytest.approx([0, 0, 0, 0])


def test_colours_come_in_the_order_that_the_network_knows(folder: Path, photo: Image) -> None:
    network = NanoDetNetwork(folder)
    swapped = Image.from_array(np.ascontiguousarray(photo.rgb[..., ::-1]))
    assert not np.allclose(network.forward(photo)[1], network.forward(swapped)[1])


def damaged_weights(folder: Path, change: int) -> None:
    path = folder / WEIGHTS
    data = path.read_bytes()
    path.write_bytes(data[:change] if change < 0 else data + bytes(change))


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        ("7767517", "7767518", "no structure"),
        ("Permute", "Python", "has a layer Python"),
        ("permute 1 1 levels output", "permute 1 1 levels boxes", "from data to output"),
        ("1 1 to8 head8", "1 1 to7 head8", "no chain"),
        (r"(head16 .*) 6=\d+", r"\1 6=1792000", "weights"),
        (r"(head16 .*) 6=\d+", r"\1 6=-5", "no structure"),
        ("sigmoid8", "sigmoid8 ü", "can"),
    ],
)
def test_a_structure_that_was_changed_is_refused(
    folder: Path, pattern: str, replacement: str, message: str
) -> None:
    path = folder / STRUCTURE
    text = path.read_text()
    changed = re.sub(pattern, replacement, text, count=1)
    assert changed != text
    path.write_text(changed)
    with pytest.raises(EngineUnavailableError, match=message):
        load(folder)


@pytest.mark.parametrize("change", [-1, -5000, 4])
def test_weights_of_another_size_are_refused(folder: Path, change: int) -> None:
    damaged_weights(folder, change)
    with pytest.raises(EngineUnavailableError, match="weights"):
        load(folder)


def test_weights_of_an_unknown_kind_are_refused(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(b"\x01\x02\x03\x04" + data[4:])
    with pytest.raises(EngineUnavailableError, match="unknown kind"):
        load(folder)


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="nanodet-plus"):
        load(tmp_path)


def load(folder: Path) -> object:
    """Load the engine as a person's own weights."""
    store = WeightStore(folder, offline=True, overrides={"nanodet-plus": str(folder)})
    return registry.load("detect", "nanodet-plus", EngineOptions(store=store))
