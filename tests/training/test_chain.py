"""The whole training chain on a handful of drawn photos: data, views, steps, export, run."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
import torch

from training.data import PhotoSet, held_out, load_photos
from training.export import averaged, export_detector, export_segmenter
from training.mask_views import MaskViews, mask_box
from training.teacher import no_lesson
from training.train_detector import DetectorTrainer
from training.train_detector import collate as collate_canvases
from training.train_segmenter import SegmenterTrainer
from training.train_segmenter import collate as collate_masks
from training.views import Views, photo_labels

# The tracing exporter fits these small networks; its successor needs another package.
pytestmark = [
    pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning"),
]

# On matrices this small, threads only wait for each other.
torch.set_num_threads(1)

COCO = [f"class {i}" for i in range(78)]
NAMES = ["cat", "ball", *COCO, "face"]
SIDE = 96


def _photo(index: int) -> tuple[bytes, list[float], dict[str, Any]]:
    """A red disc on noise, as WebP; its box xywh and a polygon of it."""
    rng = np.random.default_rng(index)
    picture = PIL.Image.fromarray(rng.integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8))
    x, y, r = (int(v) for v in (*rng.integers(30, 60, 2), rng.integers(15, 28)))
    PIL.ImageDraw.Draw(picture).ellipse((x - r, y - r, x + r, y + r), fill="red")
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    polygon = np.stack([x + r * np.cos(turn), y + r * np.sin(turn)], 1).ravel().tolist()
    out = io.BytesIO()
    picture.save(out, "WEBP")
    return out.getvalue(), [x - r, y - r, 2 * r, 2 * r], {"segmentation": [polygon]}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PhotoSet:
    """Eight photos of a ball, with boxes and masks, read as the real data is."""
    folder = tmp_path_factory.mktemp("data")
    images, annotations = [], []
    with tarfile.open(folder / "train-00.tar", "w") as archive:
        for i in range(8):
            data, box, extra = _photo(i)
            name = f"{i}.webp"
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            images.append({"id": i, "file_name": name, "source": "drawn"})
            row = {"id": i, "image_id": i, "category_id": 2, "bbox": box, "iscrowd": 0}
            annotations.append({**row, **extra})
    table = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i + 1, "name": n} for i, n in enumerate(NAMES)],
        "info": {"sources": {"drawn": {"exhaustive": ["ball", "cat"]}}},
    }
    (folder / "train.json.gz").write_bytes(gzip.compress(json.dumps(table).encode()))
    return load_photos(
        folder / "train.json.gz", [folder / "train-00.tar"], folder / "cache" / "train.u8"
    )


def test_teacher_fills_only_what_the_source_leaves_open(photos: PhotoSet) -> None:
    """Its boxes of labelled classes are ignored, weak ones make a class unknown."""
    teacher = [[0, 0, 40, 40, 0.9, 1], [0, 0, 40, 40, 0.9, 3], [0, 0, 40, 40, 0.25, 4]]
    labels = photo_labels(photos, 0, teacher)
    assert sorted(photos.class_names[c] for c in labels.classes) == ["ball", "class 0"]
    assert labels.known[NAMES.index("cat")] == 1
    assert labels.known[NAMES.index("class 1")] == 0
    assert labels.known[NAMES.index("face")] == 0


def test_what_scores_are_fitted_on_is_not_trained_on(photos: PhotoSet, tmp_path: Path) -> None:
    (tmp_path / "teacher.json").write_text("{}")
    name = next(f"{n}.webp" for n in range(1000) if held_out(f"{n}.webp"))
    first = dataclasses.replace(photos.photos[0], file_name=name)
    some = dataclasses.replace(photos, photos=[first, *photos.photos[1:]])
    odds = Views(some, tmp_path / "teacher.json", no_lesson, seed=0).odds
    assert odds[0] == 0
    assert (odds[1:] > 0).any()
    assert 0.02 < np.mean([held_out(f"{n}.webp") for n in range(2000)]) < 0.06


def test_detector_learns_and_its_export_agrees(photos: PhotoSet, tmp_path: Path) -> None:
    """The loss falls within a few steps, a checkpoint resumes, and the ONNX file runs."""
    (tmp_path / "teacher.json").write_text("{}")
    views = Views(photos, tmp_path / "teacher.json", no_lesson, seed=0, mosaic=0.5)
    trainer = DetectorTrainer(NAMES, tmp_path / "detector.pt", rate=2e-3)
    batch = collate_canvases([views.sample(192) for _ in range(2)])
    history = [sum(trainer.step(batch, 0.1).values()) for _ in range(8)]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]
    trainer.save()
    assert DetectorTrainer(NAMES, tmp_path / "detector.pt", rate=2e-3).steps == 8
    export_detector(averaged(tmp_path / "detector.pt", None, 0), tmp_path)
    assert (tmp_path / "detector.onnx").stat().st_size < 8e6


@pytest.mark.parametrize("seed", range(3))
def test_views_of_masks_fit_their_boxes(photos: PhotoSet, seed: int) -> None:
    """Close up, whole, or behind a stranger: a mask is on the disc, and its box is tight."""
    views = MaskViews(photos, seed, count=2)
    for _ in range(30):
        view = views.sample(96)
        red = (view.rgb[..., 0] > 150) & (view.rgb[..., 1:].max(2) < 110)
        for mask, box in zip(view.masks, view.boxes_xyxy, strict=True):
            tight = mask_box(mask)
            assert tight is not None
            np.testing.assert_array_equal(box, tight)
            assert (red & (mask > 0)).sum() > 0.8 * mask.sum()


def test_strangers_hide_what_they_are_laid_over(photos: PhotoSet) -> None:
    """What is behind another disc is none of the object's any more."""
    views = MaskViews(photos, seed=0, count=1)
    host, guest = views._plain(96), views._plain(96)
    made = [view for _ in range(20) if (view := views._with_stranger(host, guest)) is not None]
    assert made
    assert all((view.masks <= host.masks).all() for view in made)
    assert any(view.masks.sum() < host.masks.sum() for view in made)
    changed = [np.abs(view.rgb.astype(int) - host.rgb).max(2) > 60 for view in made]
    assert any(where.any() for where in changed)


def test_segmenter_learns_and_its_export_agrees(photos: PhotoSet, tmp_path: Path) -> None:
    """Masks of a drawn disc improve within a few steps, and both ONNX files run."""
    views = MaskViews(photos, seed=0, count=2)
    trainer = SegmenterTrainer(tmp_path / "segmenter.pt", 2e-3, None)
    batch = collate_masks([views.sample(128) for _ in range(3)])
    history = [trainer.step(batch, 0.1) for _ in range(8)]
    assert history[-1]["mask0"] < history[0]["mask0"]
    trainer.save()
    export_segmenter(averaged(tmp_path / "segmenter.pt", None, 0), tmp_path)
    sizes = [(tmp_path / f"{n}.onnx").stat().st_size for n in ("encoder", "decoder")]
    assert sum(sizes) < 8e6
