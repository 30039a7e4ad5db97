"""What a step is made of: images scaled to the input, their objects, and the teacher's features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.common.data import BoolArray, FloatArray, IntArray, PhotoSet, UInt8Array
from training.common.store import EmbeddingStore, FeatureArray
from training.edge_sam.images import CocoImages, Images, Labelled
from training.nano.mask_views import MIN_AREA_PX, MaskViews

Ticket = tuple[int, int]
"""A sample's number in the run, and the side of its input in pixels."""


@dataclass(frozen=True, kw_only=True)
class Wants:
    """What samples hold beside the image."""

    seed: int = 0
    objects: int = 0
    masks: bool = False
    """Objects need masks, and come with them."""
    points: bool = True
    """Each object needs a point in it."""
    point_in_mask: bool = False
    """The first point is a random pixel of the mask, also where the annotation has one."""
    teacher_px: int | None = None
    """Side of the teacher's input, to run it in the step."""


@dataclass
class Sample:
    """One image in an input of S pixels a side, upper left; places are in pixels of the input."""

    rgb: UInt8Array
    """(S, S, 3)."""
    inside_hw: tuple[int, int]
    """How much of the input the image takes; the rest is padding."""
    boxes_xyxy: FloatArray
    """(K, 4)."""
    points_xy: FloatArray
    """(K, 2), each in its object."""
    masks: UInt8Array | None = None
    """(K, S, S) in {0, 1}."""
    teacher_rgb: UInt8Array | None = None
    """(T, T, 3), the same for the teacher."""
    teacher_inside_hw: tuple[int, int] = (0, 0)
    features: tuple[FeatureArray, ...] = ()
    """The teacher's stored features."""


@dataclass
class Batch:
    """B samples of one size, whose objects are counted through."""

    images: Tensor
    """(B, 3, S, S) uint8."""
    inside_hw: Tensor
    """(B, 2) int64."""
    owner: Tensor
    """(N,) int64: the image of each object."""
    boxes_xyxy: Tensor
    points_xy: Tensor
    masks: Tensor | None
    teacher_images: Tensor | None
    teacher_inside_hw: Tensor
    features: tuple[Tensor, ...]

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        tensors = {
            name: value.to(device) for name, value in vars(self).items() if torch.is_tensor(value)
        }
        return replace(self, features=tuple(f.to(device).float() for f in self.features), **tensors)


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples of one size."""
    counts = [len(sample.boxes_xyxy) for sample in samples]
    masks = [sample.masks for sample in samples if sample.masks is not None]
    teacher = [each.teacher_rgb for each in samples if each.teacher_rgb is not None]
    stored = zip(*(sample.features for sample in samples), strict=True)
    return Batch(
        _channels_first([sample.rgb for sample in samples]),
        torch.tensor([sample.inside_hw for sample in samples]),
        torch.arange(len(samples)).repeat_interleave(torch.tensor(counts)),
        torch.from_numpy(np.concatenate([sample.boxes_xyxy for sample in samples])),
        torch.from_numpy(np.concatenate([sample.points_xy for sample in samples])),
        torch.from_numpy(np.concatenate(masks)) if masks else None,
        _channels_first(teacher) if teacher else None,
        torch.tensor([sample.teacher_inside_hw for sample in samples]),
        tuple(torch.from_numpy(np.stack(each)) for each in stored),
    )


class WholeImages(Dataset[Sample]):
    """Images as they are, each once an epoch in an order of its own; nothing is augmented.

    The paper reads one stored embedding of each image in all epochs, so that an image may not
    change either.
    """

    def __init__(self, images: Images, wants: Wants, store: EmbeddingStore | None = None) -> None:
        self.images, self.wants, self.store = images, wants, store
        self._order: tuple[int, IntArray] = (-1, np.zeros(0, np.int64))

    def __getitem__(self, ticket: Ticket) -> Sample:
        """Read the sample of this number; the same for the same seed and number."""
        number, size_px = ticket
        epoch, place = divmod(number, len(self.images))
        if self._order[0] != epoch:
            generator = np.random.default_rng([self.wants.seed, epoch])
            self._order = epoch, generator.permutation(len(self.images))
        key = self.images.keys[self._order[1][place]]
        rng = np.random.default_rng([self.wants.seed, epoch, place, 1])
        labelled = self.images.read(key)
        sample = scaled(labelled, size_px, self.wants, rng)
        if self.store is not None:
            sample.features = self.store.read(key)
        return sample


class Views(Dataset[Sample]):
    """Random views with pasted distractors, of which each number has its own."""

    def __init__(self, images: CocoImages, wants: Wants) -> None:
        self.wants = wants
        self._views = MaskViews(DecodedPhotos.of_images(images), wants.seed, wants.objects)

    def __getitem__(self, ticket: Ticket) -> Sample:
        """Make the view of this number."""
        number, size_px = ticket
        self._views.rng = rng = np.random.default_rng([self.wants.seed, number, 2])
        view = self._views.sample(size_px)
        points = [random_pixel(mask, rng) for mask in view.masks]
        sample = Sample(
            view.rgb, (size_px, size_px), view.boxes_xyxy, np.array(points, np.float32), view.masks
        )
        if self.wants.teacher_px is not None:
            side = self.wants.teacher_px
            sample.teacher_rgb, sample.teacher_inside_hw = letterboxed(view.rgb, side)
        return sample


@dataclass
class DecodedPhotos(PhotoSet):
    """Photos that are decoded whenever they are read."""

    images: CocoImages | None = None

    @classmethod
    def of_images(cls, images: CocoImages) -> DecodedPhotos:
        """Take all images, in their order."""
        photos = [images.photo(key) for key in images.keys]
        return cls(photos, images.class_names, {}, [], [], images)

    def rgb(self, index: int) -> UInt8Array:
        """(H, W, 3) uint8 RGB of photo `index`."""
        assert self.images is not None
        return self.images.read(self.images.keys[index]).rgb


def scaled(labelled: Labelled, size_px: int, wants: Wants, rng: np.random.Generator) -> Sample:
    """Scale an image and some of its objects to an input of ``size_px`` pixels a side."""
    rgb, inside_hw = letterboxed(labelled.rgb, size_px)
    height, width = labelled.photo.size_hw
    scale = np.array([inside_hw[1] / width, inside_hw[0] / height], np.float32)
    rows = _chosen(labelled, wants, float(scale.prod()), rng)
    boxes = labelled.photo.boxes_xyxy[rows] * np.tile(scale, 2)
    points, masks = _points(labelled, rows, wants, rng), None
    if wants.masks:
        whole = labelled.masks_of([int(row) for row in rows])
        masks = np.zeros((len(rows), size_px, size_px), np.uint8)
        for canvas, mask in zip(masks, whole, strict=True):
            canvas[: inside_hw[0], : inside_hw[1]] = cv2.resize(mask, inside_hw[::-1])
    sample = Sample(rgb, inside_hw, boxes, points * scale, masks)
    if wants.teacher_px is not None:
        same = wants.teacher_px == size_px
        sample.teacher_rgb, sample.teacher_inside_hw = (
            (rgb, inside_hw) if same else letterboxed(labelled.rgb, wants.teacher_px)
        )
    return sample


def letterboxed(rgb: UInt8Array, size_px: int) -> tuple[UInt8Array, tuple[int, int]]:
    """(S, S, 3) image whose longest side is the input's, upper left, and its (h, w) there."""
    height, width = rgb.shape[:2]
    scale = size_px / max(height, width)
    inside_hw = max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))
    small = PIL.Image.fromarray(rgb).resize(inside_hw[::-1], PIL.Image.Resampling.BILINEAR)
    canvas = np.zeros((size_px, size_px, 3), np.uint8)
    canvas[: inside_hw[0], : inside_hw[1]] = np.asarray(small)
    return canvas, inside_hw


def usable(labelled: Labelled, wants: Wants, scale: float) -> BoolArray:
    """(N,) which objects can be prompted for; ``scale`` is input pixels in an image pixel.

    Crowds cannot, nor what is smaller than a pixel, nor, where masks are needed, what has none or
    only a few pixels in the input.
    """
    photo = labelled.photo
    sides = photo.boxes_xyxy[:, 2:] - photo.boxes_xyxy[:, :2]
    fits: BoolArray = ~photo.crowd & (sides.min(1, initial=np.inf) >= 1)
    if wants.masks:
        masked = np.array([each is not None for each in photo.segmentations], bool)
        fits &= masked & (sides.prod(1) * scale > MIN_AREA_PX * 1.5)
    return fits


def _chosen(labelled: Labelled, wants: Wants, scale: float, rng: np.random.Generator) -> IntArray:
    rows: IntArray = np.flatnonzero(usable(labelled, wants, scale))
    if len(rows) <= wants.objects:
        return rows
    # With replacement, as the original draws them.
    return np.asarray(rng.choice(rows, wants.objects), np.int64)


def _points(
    labelled: Labelled, rows: IntArray, wants: Wants, rng: np.random.Generator
) -> FloatArray:
    """(K, 2) points in image pixels: the annotated ones, or pixels of masks, or boxes' centres."""
    points = labelled.points_xy[rows].copy()
    if not wants.points:
        return points
    for index, row in enumerate(rows):
        if wants.point_in_mask or np.isnan(points[index]).any():
            mask = labelled.photo.mask(int(row))
            if mask is not None and mask.any():
                points[index] = random_pixel(mask, rng)
            elif np.isnan(points[index]).any():
                box = labelled.photo.boxes_xyxy[row]
                points[index] = (box[:2] + box[2:]) / 2
    return points


def random_pixel(mask: UInt8Array, rng: np.random.Generator) -> FloatArray:
    """(2,) the centre of a random pixel of an (H, W) mask, in its pixels."""
    pixels = np.flatnonzero(mask)
    row, column = divmod(int(rng.choice(pixels)), mask.shape[1])
    return np.array([column + 0.5, row + 0.5], np.float32)


def _channels_first(images: Sequence[UInt8Array]) -> Tensor:
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return stacked.contiguous(memory_format=torch.channels_last)
