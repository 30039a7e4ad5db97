"""Random views of photos with instance masks, for the segmenter."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.data import FloatArray, PhotoSet, UInt8Array

MIN_AREA_PX = 80
"""Smaller masks teach more noise than shape."""


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
        odds = np.array([self._odds(i) for i in self.usable])
        self.indices, self.odds = np.array(list(self.usable)), odds / odds.sum()

    def _instances(self, index: int) -> list[int]:
        photo = self.photos.photos[index]
        sides = photo.boxes_xyxy[:, 2:] - photo.boxes_xyxy[:, :2]
        return [
            k
            for k, seg in enumerate(photo.segmentations)
            if seg is not None and not photo.crowd[k] and sides[k].prod() > MIN_AREA_PX * 1.5
        ]

    def _odds(self, index: int) -> float:
        source = self.photos.photos[index].source
        return {"ccp_mask": 0.35, "coco_full": 3.0, "coco_val_box": 2.5}.get(source, 1.0)

    def sample(self, size: int) -> MaskView:
        """A new random view of `size` pixels a side."""
        while True:
            view = self._try(int(self.rng.choice(self.indices, p=self.odds)), size)
            if view is not None:
                return view

    def _try(self, index: int, size: int) -> MaskView | None:
        rgb = self.photos.rgb(index)
        h, w = rgb.shape[:2]
        scale = size / max(h, w) * float(np.exp(self.rng.uniform(-0.3, 0.5)))
        mirrored = self.rng.random() < 0.5
        free = np.array([size - w * scale, size - h * scale])
        offset = free * self.rng.random(2)
        ax, bx = (-scale, w * scale + offset[0]) if mirrored else (scale, offset[0])
        matrix = np.array([[ax, 0, bx], [0, scale, offset[1]]], np.float32)
        rows = self.usable[index]
        masks, boxes = [], []
        for k in self.rng.permutation(rows)[: self.count * 2]:
            mask = self.photos.photos[index].mask(int(k))
            assert mask is not None
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


def mask_box(mask: UInt8Array) -> FloatArray | None:
    """The tight xyxy box of a mask, or None when it is empty."""
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(xs):
        return None
    return np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1], np.float32)
