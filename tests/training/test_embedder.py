"""The nano embedder's training: objects, their changed images, and the projection."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.engines.nano.onnx_session import Network
from training.common.data import PhotoSet
from training.nano import train_embedder
from training.nano.check_embedder import area_under_curve
from training.nano.train_embedder import change, fit, measured, objects_of


def test_objects_are_measured_with_their_changed_images(
    photos: PhotoSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_embedder, "MIN_AREA_PX", 500)
    chosen = objects_of(photos, 3, seed=0)
    assert len(set(chosen)) == 3
    features, numbers = measured(photos, chosen, Network("encoder", 1), seed=1, views=2)
    assert numbers.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert np.isfinite(features).all()
    mean, projection = fit(features, numbers, dim=2)
    assert mean.shape == features.shape[1:]
    assert projection.shape == (features.shape[1], 2)


def test_a_changed_image_keeps_a_part_of_the_object(photos: PhotoSet) -> None:
    mask = photos.photos[0].mask(0)
    assert mask is not None
    rng = np.random.default_rng(0)
    for _ in range(10):
        rgb, shown = change(photos.rgb(0), mask.astype(bool), photos.rgb(1), rng)
        assert rgb.shape[:2] == shown.shape
        assert shown.sum() >= 150


def test_the_projection_finds_what_tells_objects_apart() -> None:
    """Two of ten numbers belong to the object; the others change from image to image."""
    rng = np.random.default_rng(0)
    numbers = np.repeat(np.arange(40), 5)
    values = rng.normal(0, 3, (200, 10))
    values[:, :2] = rng.normal(0, 1, (40, 2))[numbers] + rng.normal(0, 0.1, (200, 2))
    _, projection = fit(values.astype(np.float32), numbers, dim=2)
    weights = np.abs(projection) * values.std(axis=0)[:, None]
    assert weights[:2].max() > 5 * weights[2:].max()


def test_area_under_curve() -> None:
    low, high = np.array([0.1, 0.2], np.float32), np.array([0.8, 0.9], np.float32)
    assert area_under_curve(high, low) == 1
    assert area_under_curve(low, high) == 0
