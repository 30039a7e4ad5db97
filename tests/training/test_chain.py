"""The whole training chain on a handful of drawn photos: data, views, steps, export, run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training.common.data import PhotoSet, held_out
from training.nano.backbone import Attention
from training.nano.export import averaged, export_detector, export_segmenter
from training.nano.mask_views import MaskView, MaskViews, behind_changed, mask_box
from training.nano.teacher import no_target
from training.nano.train_detector import DetectorTrainer
from training.nano.train_detector import collate as collate_canvases
from training.nano.train_segmenter import SegmenterTrainer
from training.nano.train_segmenter import collate as collate_masks
from training.nano.views import Views, photo_labels

# The tracing exporter fits these small networks; its successor needs another package.
pytestmark = [
    pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning"),
]

# On matrices this small, threads only wait for each other.
torch.set_num_threads(1)


def test_teacher_fills_only_what_the_source_leaves_open(photos: PhotoSet) -> None:
    """Its boxes of labelled classes are ignored, weak ones make a class unknown."""
    teacher = [[0, 0, 40, 40, 0.9, 1], [0, 0, 40, 40, 0.9, 3], [0, 0, 40, 40, 0.25, 4]]
    labels = photo_labels(photos, 0, teacher)
    assert sorted(photos.class_names[c] for c in labels.classes) == ["ball", "class 0"]
    assert labels.known[photos.class_names.index("cat")] == 1
    assert labels.known[photos.class_names.index("class 1")] == 0
    assert labels.known[photos.class_names.index("face")] == 0


def test_what_scores_are_fitted_on_is_not_trained_on(photos: PhotoSet, tmp_path: Path) -> None:
    (tmp_path / "teacher.json").write_text("{}")
    name = next(f"{n}.webp" for n in range(1000) if held_out(f"{n}.webp"))
    first = dataclasses.replace(photos.photos[0], file_name=name)
    some = dataclasses.replace(photos, photos=[first, *photos.photos[1:]])
    odds = Views(some, tmp_path / "teacher.json", no_target, seed=0).odds
    assert odds[0] == 0
    assert (odds[1:] > 0).any()
    assert 0.02 < np.mean([held_out(f"{n}.webp") for n in range(2000)]) < 0.06


def test_detector_learns_and_its_export_agrees(photos: PhotoSet, tmp_path: Path) -> None:
    """The loss falls within a few steps, a checkpoint resumes, and the ONNX file runs."""
    (tmp_path / "teacher.json").write_text("{}")
    views = Views(photos, tmp_path / "teacher.json", no_target, seed=0, mosaic=0.5)
    trainer = DetectorTrainer(photos.class_names, tmp_path / "detector.pt", rate=2e-3)
    batch = collate_canvases([views.sample(192) for _ in range(2)])
    history = [sum(trainer.step(batch, 0.1).values()) for _ in range(8)]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]
    trainer.save()
    assert DetectorTrainer(photos.class_names, tmp_path / "detector.pt", rate=2e-3).steps == 8
    export_detector(averaged(tmp_path / "detector.pt", None, 0), tmp_path)
    assert (tmp_path / "detector.onnx").stat().st_size < 8e6


@pytest.mark.parametrize("seed", range(3))
def test_views_of_masks_fit_their_boxes(photos: PhotoSet, seed: int) -> None:
    """Close up, whole, or behind a distractor: a mask is on the disc, and its box is tight."""
    views = MaskViews(photos, seed, count=2)
    for _ in range(30):
        view = views.sample(96)
        red = (view.rgb[..., 0] > 150) & (view.rgb[..., 1:].max(2) < 110)
        for mask, box in zip(view.masks, view.boxes_xyxy, strict=True):
            tight = mask_box(mask)
            assert tight is not None
            np.testing.assert_array_equal(box, tight)
            assert (red & (mask > 0)).sum() > 0.8 * mask.sum()


def _with_distractors(photos: PhotoSet, *, behind: bool) -> tuple[MaskView, list[MaskView]]:
    """A view of a disc, and the same with another disc at its rim, laid in various places."""
    views = MaskViews(photos, seed=0, count=1)
    host, guest = views._plain(96), views._plain(96)
    laid = (views._with_distractor(host, guest, behind) for _ in range(20))
    made = [view for view in laid if view is not None]
    assert made
    return host, made


def test_distractor_hide_what_they_are_laid_over(photos: PhotoSet) -> None:
    """What is behind another disc is none of the object's any more."""
    host, made = _with_distractors(photos, behind=False)
    assert all((view.masks <= host.masks).all() for view in made)
    assert any(view.masks.sum() < host.masks.sum() for view in made)
    changed = [np.abs(view.rgb.astype(int) - host.rgb).max(2) > 60 for view in made]
    assert any(where.any() for where in changed)


def test_distractor_behind_leave_the_object_whole(photos: PhotoSet) -> None:
    """What lies under the first object is seen beside it; its mask stays but for its rim."""
    host, made = _with_distractors(photos, behind=True)
    assert all(view.masks.sum() > 0.95 * host.masks.sum() for view in made)
    changed = [np.abs(view.rgb.astype(int) - host.rgb).max(2) > 60 for view in made]
    assert any(where.any() for where in changed)
    assert all((where & (host.masks[0] > 0)).sum() <= 0.2 * where.sum() for where in changed)


@pytest.mark.parametrize("change", ["BLURRED", "TINTED", "SHADED"])
def test_another_background_leaves_the_objects(
    photos: PhotoSet, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies behind looks different; the object's pixels are the photo's."""
    for name in ("BLURRED", "TINTED", "SHADED"):
        monkeypatch.setattr(f"training.nano.mask_views.{name}", float(name == change))
    rng = np.random.default_rng(0)
    mask = photos.photos[0].mask(0)
    assert mask is not None
    noise = rng.integers(-40, 40, (*mask.shape, 1))
    rgb = np.clip(photos.rgb(0).astype(int) + noise, 0, 255).astype(np.uint8)
    apart = np.abs(behind_changed(rng, rgb, [mask]).astype(int) - rgb).max(2)
    inner = cv2.erode(mask, np.ones((9, 9), np.uint8)) > 0
    assert inner.any()
    assert apart[inner].max() <= 1
    assert apart[mask == 0].max() > 20


@pytest.mark.parametrize("size_hw", [(7, 7), (9, 12)])
def test_attention_put_into_a_trained_network_changes_nothing_at_first(
    size_hw: tuple[int, int],
) -> None:
    """It begins as the identity, on maps of any size; once moved, a cell sees all others."""
    layer = Attention(12, heads=3)
    cells = torch.rand(2, 12, *size_hw)
    torch.testing.assert_close(layer(cells), cells)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    other = cells.clone()
    other[:, :, -1, -1] += 1
    assert (layer(other) - layer(cells))[:, :, 0, 0].abs().min() > 0


def test_segmenter_learns_and_its_export_agrees(photos: PhotoSet, tmp_path: Path) -> None:
    """Masks of a drawn disc improve within a few steps, and both ONNX files run."""
    views = MaskViews(photos, seed=0, count=2)
    trainer = SegmenterTrainer(tmp_path / "segmenter.pt", 2e-3, None)
    batch = collate_masks([views.sample(128) for _ in range(3)])
    history = []
    for _ in range(20):
        # The same prompts in each step: what changes is the network, not the luck of the draw.
        torch.manual_seed(0)
        history.append(trainer.step(batch, 0.1)["mask0"])
    assert history[-1] < 0.95 * history[0]
    trainer.save()
    export_segmenter(averaged(tmp_path / "segmenter.pt", None, 0), tmp_path)
    sizes = [(tmp_path / f"{n}.onnx").stat().st_size for n in ("encoder", "decoder")]
    assert sum(sizes) < 8e6
