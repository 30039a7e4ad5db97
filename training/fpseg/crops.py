"""Random views of labelled photos: scaled, cut, mirrored, in other light."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor
from torch.utils.data import IterableDataset

from edgeseg.evaluation.label_maps import LabelledPhoto
from edgeseg.types import FloatArray, UInt8Array
from training.common.loop import worker_seed


class ClassBatch(NamedTuple):
    """Views and the class of each pixel."""

    images: Tensor
    """(B, 3, H, W) float32 in [0, 1]"""
    labels: Tensor
    """(B, H, W) int64, 255: not counted"""


class Crops(IterableDataset[ClassBatch]):
    """Endless batches of views of ``size_hw``; a photo is scaled by ``scales`` of its own size."""

    def __init__(
        self,
        photos: Sequence[LabelledPhoto],
        size_hw: tuple[int, int],
        scales: tuple[float, float],
        batch: int,
    ) -> None:
        self.photos, self.size_hw, self.scales, self.batch = photos, size_hw, scales, batch

    def __iter__(self) -> Iterator[ClassBatch]:
        rng = np.random.default_rng(worker_seed())
        while True:
            order = rng.permutation(len(self.photos))
            for start in range(0, len(order) - self.batch + 1, self.batch):
                yield self._batch([self.photos[i] for i in order[start : start + self.batch]], rng)

    def _batch(self, photos: list[LabelledPhoto], rng: np.random.Generator) -> ClassBatch:
        views = [self.view(photo, rng) for photo in photos]
        images = torch.from_numpy(np.stack([image for image, _ in views]))
        labels = torch.from_numpy(np.stack([label for _, label in views]).astype(np.int64))
        return ClassBatch(images.permute(0, 3, 1, 2).contiguous(), labels)

    def view(self, photo: LabelledPhoto, rng: np.random.Generator) -> tuple[FloatArray, UInt8Array]:
        """(H, W, 3) float32 and (H, W) uint8 of one photo."""
        low, high = np.log(self.scales)
        scale, stretch = np.exp(rng.uniform(low, high)), np.exp(rng.uniform(-0.08, 0.08))
        height, width = self.size_hw
        # The part of the photo that fills the view.
        span_h, span_w = height / scale, width / scale * stretch
        h, w = photo.labels.shape
        top = rng.uniform(min(0, h - span_h), max(0, h - span_h))
        left = rng.uniform(min(0, w - span_w), max(0, w - span_w))
        corners = (left, top, left + span_w, top + span_h)
        image = _cut(photo.rgb, corners, (width, height), PillowImage.Resampling.BILINEAR)
        # Beyond the photo there is no class.
        labels = _cut(photo.labels + np.uint8(1), corners, (width, height), None) - np.uint8(1)
        if rng.random() < 0.5:
            image, labels = image[:, ::-1], labels[:, ::-1]
        return relit(image, rng), labels


def _cut(
    pixels: UInt8Array,
    corners: tuple[float, float, float, float],
    size_wh: tuple[int, int],
    resample: PillowImage.Resampling | None,
) -> UInt8Array:
    """Return the part of the pixels between corners, which may lie outside, at another size."""
    left, top, right, bottom = corners
    coefficients = ((right - left) / size_wh[0], 0, left, 0, (bottom - top) / size_wh[1], top)
    made = PillowImage.fromarray(pixels).transform(
        size_wh,
        PillowImage.Transform.AFFINE,
        coefficients,
        PillowImage.Resampling.NEAREST if resample is None else resample,
    )
    return np.asarray(made)


def relit(rgb: UInt8Array, rng: np.random.Generator) -> FloatArray:
    """(H, W, 3) float32 in [0, 1]: brighter or darker, flatter or harder, in another tint."""
    image = rgb.astype(np.float32) / 255
    image = image * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    image = (image - 0.45) * np.float32(np.exp(rng.normal(0, 0.15))) + 0.45
    image = image * np.float32(np.exp(rng.normal(0, 0.2)))
    clipped: FloatArray = image.clip(0, 1).astype(np.float32)
    return clipped ** np.float32(np.exp(rng.normal(0, 0.12)))
