"""Random views of photos with instance masks, for the segmenter."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np

from training.common.data import FloatArray, PhotoSet, UInt8Array

MIN_AREA_PX = 80
"""Smaller masks teach more noise than shape."""
CLOSE_UPS, CLOSE_SIDE_PX = 0.25, 60
"""How many canvases a large object fills, its ends cut off by the frame, and how large it is."""
DISTRACTORS, PASTED = 2, 0.3
"""How many objects of other photos a canvas may get, and how likely each is (simple copy-paste,
Ghiasi et al. 2021), so that a neighbour is learned as none of the object's."""
BLURRED, TINTED, SHADED = 0.2, 0.1, 0.2
"""How many photos have what lies behind their objects out of focus, in the objects' colours, or in
the shade, so that neither a lens, nor a likeness of colour, nor a shadow makes it the object's."""
MAX_REPEATED = 2.5
"""A photo of one of the rarest classes counts as so many."""


@dataclass
class MaskView:
    """A square canvas and `count` instances on it."""

    rgb: UInt8Array
    masks: UInt8Array
    """(K, S, S) in {0, 1}"""
    boxes_xyxy: FloatArray


class MaskViews:
    """Photos that have masks, mirrored, scaled and recoloured."""

    def __init__(self, photos: PhotoSet, seed: int, count: int) -> None:
        self.photos, self.count = photos, count
        self.rng = np.random.default_rng(seed)
        self.usable = {i: rows for i in range(len(photos)) if (rows := self._instances(i))}
        rarity = self._rarity()
        odds = np.array([self._odds(i) * rarity[i] for i in self.usable])
        self.indices, self.odds = np.array(list(self.usable)), odds / odds.sum()

    def _instances(self, index: int) -> list[int]:
        photo = self.photos.photos[index]
        sides = photo.boxes_xyxy[:, 2:] - photo.boxes_xyxy[:, :2]
        return [
            k
            for k, seg in enumerate(photo.segmentations)
            if seg is not None and not photo.crowd[k] and sides[k].prod() > MIN_AREA_PX * 1.5
        ]

    def _rarity(self) -> dict[int, float]:
        """How often to repeat each photo for its rarest class (Gupta et al. 2019, t = 0.05)."""
        classes = {i: set(self.photos.photos[i].classes[rows]) for i, rows in self.usable.items()}
        counts = Counter(c for present in classes.values() for c in present)
        share = {c: n / len(classes) for c, n in counts.items()}
        return {
            i: min(max(1.0, (0.05 / min(share[c] for c in present)) ** 0.5), MAX_REPEATED)
            for i, present in classes.items()
        }

    def _odds(self, index: int) -> float:
        source = self.photos.photos[index].source
        odds = {"ccp_mask": 0.35, "coco_full": 3.0, "coco_val_box": 2.5, "tableware": 3.0}
        return odds.get(source, 1.0)

    def sample(self, size: int) -> MaskView:
        """A new random view of `size` pixels a side, some with distractors at a rim."""
        view = self._plain(size)
        for _ in range(DISTRACTORS):
            if self.rng.random() < PASTED:
                behind = self.rng.random() < 0.5
                view = self._with_distractor(view, self._plain(size), behind) or view
        return view

    def _plain(self, size: int) -> MaskView:
        while True:
            view = self._try(int(self.rng.choice(self.indices, p=self.odds)), size)
            if view is not None:
                return view

    def _with_distractor(self, view: MaskView, other: MaskView, behind: bool) -> MaskView | None:
        """Lay an object of ``other`` over a rim of the first object, or under it.

        Returns None where much of any object would be lost.
        """
        matrix = self._across(view.boxes_xyxy[0], other.boxes_xyxy[0])
        size = (view.rgb.shape[1], view.rgb.shape[0])
        paint = cv2.warpAffine(other.rgb, matrix, size)
        distractor = cv2.warpAffine(other.masks[0].astype(np.float32), matrix, size)
        # A hard rim would tell what is pasted from what is not.
        alpha = cv2.GaussianBlur(distractor, (0, 0), 0.7)
        if behind:
            alpha *= 1 - cv2.GaussianBlur(view.masks[0].astype(np.float32), (0, 0), 0.7)
        masks = view.masks * (alpha < 0.5)
        left, whole = masks.sum((1, 2)), view.masks.sum((1, 2))
        if (left < np.maximum(whole * 0.6, MIN_AREA_PX)).any():
            return None
        boxes = np.stack([box for mask in masks if (box := mask_box(mask)) is not None])
        rgb = view.rgb * (1 - alpha[..., None]) + paint * alpha[..., None]
        return MaskView(rgb.astype(np.uint8), masks.astype(np.uint8), boxes)

    def _across(self, host: FloatArray, guest: FloatArray) -> FloatArray:
        """(2, 3) matrix to a side of the host's box, at a seventh of its size to all of it."""
        span, guest_span = host[2:] - host[:2], guest[2:] - guest[:2]
        scale = float(np.sqrt(span.prod() / guest_span.prod()) * np.exp(self.rng.uniform(-2, 0)))
        angle = self.rng.uniform(0, 2 * np.pi)
        rim = (host[:2] + host[2:]) / 2 + np.array([np.cos(angle), np.sin(angle)]) * span / 2
        shift = rim - scale * (guest[:2] + guest[2:]) / 2
        return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)

    def _place(
        self, index: int, size_wh: tuple[int, int], size: int, mirrored: bool
    ) -> tuple[float, FloatArray]:
        """Scale and offset (xy, pixels) of a photo; a close-up fills the canvas with a thing."""
        w, h = size_wh
        boxes = self.photos.photos[index].boxes_xyxy[self.usable[index]]
        large = boxes[(boxes[:, 2:] - boxes[:, :2]).min(1) > CLOSE_SIDE_PX]
        if not len(large) or self.rng.random() > CLOSE_UPS:
            scale = size / max(h, w) * float(np.exp(self.rng.uniform(-0.3, 0.5)))
            free = np.array([size - w * scale, size - h * scale])
            return scale, (free * self.rng.random(2)).astype(np.float32)
        x1, y1, x2, y2 = large[self.rng.integers(len(large))]
        scale = size / float(max(x2 - x1, y2 - y1)) * float(np.exp(self.rng.uniform(-0.25, 0.35)))
        centre = np.array([w - (x1 + x2) / 2 if mirrored else (x1 + x2) / 2, (y1 + y2) / 2])
        place = size * self.rng.uniform(0.3, 0.7, 2)
        return scale, (place - centre * scale).astype(np.float32)

    def _masks(self, index: int) -> list[UInt8Array]:
        """(h, w) masks of some of a photo's instances, in any order."""
        photo = self.photos.photos[index]
        rows = self.rng.permutation(self.usable[index])[: self.count * 2]
        return [mask for k in rows if (mask := photo.mask(int(k))) is not None]

    def _try(self, index: int, size: int) -> MaskView | None:
        rgb = self.photos.rgb(index)
        h, w = rgb.shape[:2]
        mirrored = self.rng.random() < 0.5
        scale, offset = self._place(index, (w, h), size, mirrored)
        ax, bx = (-scale, w * scale + offset[0]) if mirrored else (scale, offset[0])
        matrix = np.array([[ax, 0, bx], [0, scale, offset[1]]], np.float32)
        whole = self._masks(index)
        rgb = behind_changed(self.rng, rgb, whole)
        masks, boxes = [], []
        for mask in whole:
            warped: UInt8Array = np.asarray(
                cv2.warpAffine(mask, matrix, (size, size), flags=cv2.INTER_LINEAR), np.uint8
            )
            box = mask_box(warped)
            if box is None or int(warped.sum()) < MIN_AREA_PX:
                continue
            masks.append(warped)
            boxes.append(box)
        if not masks:
            return None
        pick = np.resize(np.arange(len(masks)), self.count)
        photo = cv2.warpAffine(
            rgb, matrix, (size, size), borderMode=cv2.BORDER_CONSTANT, borderValue=(114,) * 3
        )
        gain = float(np.exp(self.rng.normal(0, 0.15)))
        tint = np.exp(self.rng.normal(0, 0.05, 3)) * gain
        canvas = np.clip((photo - 114.0) * tint + 114 + self.rng.normal(0, 10), 0, 255)
        return MaskView(canvas.astype(np.uint8), np.stack(masks)[pick], np.stack(boxes)[pick])


def behind_changed(
    rng: np.random.Generator, rgb: UInt8Array, masks: list[UInt8Array]
) -> UInt8Array:
    """Some photos with another background: blurred, tinted or shaded; the objects stay."""
    changes = [
        change
        for change, odds in ((blurred, BLURRED), (tinted, TINTED), (shaded, SHADED))
        if rng.random() < odds
    ]
    thing = np.max(masks, axis=0).astype(np.float32)
    if not changes or not 0.01 < thing.mean() < 0.99:
        return rgb
    behind = rgb.astype(np.float32)
    for change in changes:
        behind = change(rng, behind, thing)
    alpha = cv2.GaussianBlur(thing, (0, 0), 0.7)[..., None]
    return np.clip(rgb * alpha + behind * (1 - alpha), 0, 255).astype(np.uint8)


def blurred(rng: np.random.Generator, rgb: FloatArray, thing: FloatArray) -> FloatArray:
    """As behind the depth of field; nothing of the object leaks into it."""
    sigma = max(rgb.shape) * float(np.exp(rng.uniform(np.log(0.004), np.log(0.03))))
    free = 1 - thing
    weight = cv2.GaussianBlur(free, (0, 0), sigma)[..., None]
    around: FloatArray = cv2.GaussianBlur(rgb * free[..., None], (0, 0), sigma) / (weight + 1e-3)
    return around


def tinted(rng: np.random.Generator, rgb: FloatArray, thing: FloatArray) -> FloatArray:
    """Its mean colour moved towards the object's (Reinhard et al. 2001, means alone)."""
    inside = thing > 0
    apart = rgb[inside].mean(0) - rgb[~inside].mean(0)
    return rgb + apart * np.float32(rng.uniform(0.4, 1))


def shaded(rng: np.random.Generator, rgb: FloatArray, thing: FloatArray) -> FloatArray:
    """The object's own shape, shifted and blurred, darkens what is behind it."""
    box = mask_box(thing.astype(np.uint8))
    assert box is not None
    span = box[2:] - box[:2]
    dx, dy = span * rng.uniform((-0.4, -0.1), (0.4, 0.4))
    size = (rgb.shape[1], rgb.shape[0])
    cast = cv2.warpAffine(thing, np.array([[1, 0, dx], [0, 1, dy]], np.float32), size)
    soft = cv2.GaussianBlur(cast, (0, 0), float(span.max() * rng.uniform(0.01, 0.08)) + 0.5)
    darker: FloatArray = rgb * (1 - soft[..., None] * np.float32(rng.uniform(0.3, 0.85)))
    return darker


def mask_box(mask: UInt8Array) -> FloatArray | None:
    """The tight xyxy box of a mask, or None when it is empty."""
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(xs):
        return None
    return np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1], np.float32)
