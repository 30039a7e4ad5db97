"""Random views of labelled photos, with everything a detector is trained against."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgeseg.engines.nano.word_vectors import WordVectors
from training.common.data import FloatArray, IntArray, PhotoSet, UInt8Array, held_out, read_json
from training.nano.teacher import ZOOM, DistillationTarget

COCO_CLASSES = 80
COMMONEST = "person"
"""Photos without one are seen more often: they show what is none."""
SURE = 0.3
"""Teacher boxes from here on are labels; a weaker one makes its class unknown."""
OFTEN_UNLABELLED = ("face", "saucer", "plate")
"""Classes of one source that others show without saying so."""
# A random word this close to a class that is or may be in the photo is no safe negative.
SIMILAR = 0.45


@dataclass
class Labels:
    """All boxes of one photo, people's and the teacher's, and what is known of each class."""

    boxes_xyxy: FloatArray
    classes: IntArray
    weights: FloatArray
    known: FloatArray
    """(C,) 1 where the class is labelled completely, 0 where nothing may be concluded."""


def photo_labels(photos: PhotoSet, index: int, teacher: list[list[float]]) -> Labels:
    """Join a photo's own labels with the teacher's for the classes its source does not label."""
    photo = photos.photos[index]
    known = photos.exhaustive[photo.source].astype(np.float32)
    boxes, classes = [photo.boxes_xyxy], [photo.classes]
    weights = [np.ones(len(photo.classes), np.float32)]
    known[photo.classes[photo.crowd]] = 0
    # A synthetic table may be covered with a photo of anything.
    if photo.source not in ("caltech101", "tableware"):
        coco_known = known[:COCO_CLASSES] > 0
        column = {c: i for i, c in enumerate(photos.category_ids)}
        known[:COCO_CLASSES] = 1
        # Labels of Caltech101 alone are rare elsewhere: absent, but for one.
        known[len(photos.category_ids) :] = 0.5
        known[[c for c, n in enumerate(photos.class_names) if n in OFTEN_UNLABELLED]] = 0
        for x, y, w, h, score, category in teacher:
            c = column[int(category)]
            if coco_known[c]:
                continue
            if score < SURE:
                known[c] = 0
                continue
            boxes.append(np.array([[x, y, x + w, y + h]], np.float32))
            classes.append(np.array([c]))
            weights.append(np.array([score], np.float32))
        known[photo.classes[photo.crowd]] = 0
    box, cls = np.concatenate(boxes), np.concatenate(classes)
    weight = np.concatenate(weights)
    crowd = np.zeros(len(cls), bool)
    crowd[: len(photo.crowd)] = photo.crowd
    return Labels(box[~crowd], cls[~crowd], weight[~crowd], known)


@dataclass
class Placement:
    """Where a photo lies on the canvas: canvas = photo * scale + offset, mirrored first."""

    index: int
    scale_xy: tuple[float, float]
    offset_xy: tuple[float, float]
    mirrored: bool
    window: tuple[int, int, int, int]
    """x0, y0, x1, y1 of the part of the canvas it may fill."""


class Canvas:
    """One training image: pixels, boxes, known classes and what the teacher says of it."""

    target: DistillationTarget

    def __init__(self, size: int, classes: int) -> None:
        self.size = size
        self.rgb: UInt8Array = np.full((size, size, 3), 114, np.uint8)
        self.boxes: list[FloatArray] = []
        self.classes: list[IntArray] = []
        self.weights: list[FloatArray] = []
        self.known = np.ones(classes, np.float32)

    def place(self, photos: PhotoSet, labels: Labels, put: Placement) -> None:
        """Draw a photo and keep the boxes that stay mostly in view."""
        rgb = photos.rgb(put.index)
        w = rgb.shape[1]
        (sx, sy), (ox, oy), (x0, y0, x1, y1) = put.scale_xy, put.offset_xy, put.window
        ax, bx = (-sx, w * sx + ox) if put.mirrored else (sx, ox)
        matrix = np.array([[ax, 0, bx - x0], [0, sy, oy - y0]], np.float32)
        small = sx < 0.6
        self.rgb[y0:y1, x0:x1] = cv2.warpAffine(
            cv2.blur(rgb, (2, 2)) if small else rgb,
            matrix,
            (x1 - x0, y1 - y0),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(114, 114, 114),
        )
        boxes = labels.boxes_xyxy.copy()
        if put.mirrored:
            boxes[:, [0, 2]] = w - boxes[:, [2, 0]]
        boxes = boxes * np.array([sx, sy, sx, sy], np.float32) + np.array([ox, oy, ox, oy])
        full = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        boxes = np.clip(boxes, [x0, y0, x0, y0], [x1, y1, x1, y1]).astype(np.float32)
        sides = boxes[:, 2:] - boxes[:, :2]
        visible = sides.prod(1) / np.maximum(full, 1e-6)
        keep = (visible > 0.35) & (sides.min(1) > 3 * ZOOM)
        self.boxes.append(boxes[keep])
        self.classes.append(labels.classes[keep])
        self.weights.append(labels.weights[keep])
        self.known *= labels.known
        # A class cut away to a sliver is neither there nor absent.
        self.known[labels.classes[~keep & (sides.min(1) > ZOOM)]] = 0

    def shrink(self, factor: int) -> None:
        """Make everything but the distillation target `factor` times smaller."""
        self.size //= factor
        small = cv2.resize(self.rgb, (self.size, self.size), interpolation=cv2.INTER_AREA)
        self.rgb = np.asarray(small, np.uint8)
        self.boxes = [b / np.float32(factor) for b in self.boxes]


class Views:
    """Random views: one photo, or a mosaic of four; mirrored, scaled, recoloured."""

    def __init__(
        self,
        photos: PhotoSet,
        teacher_json: Path,
        teacher: Callable[[UInt8Array], DistillationTarget],
        seed: int,
        mosaic: float = 0.4,
    ) -> None:
        self.photos, self.teacher, self.mosaic = photos, teacher, mosaic
        self.rng = np.random.default_rng(seed)
        pseudo = read_json(teacher_json)
        self.labels = [
            photo_labels(photos, i, pseudo.get(p.file_name, []))
            for i, p in enumerate(photos.photos)
        ]
        self.odds = self._odds()

    def _odds(self) -> npt.NDArray[np.float64]:
        """Sampling odds: more for photos of rare classes and for those without people."""
        count = np.bincount(
            np.concatenate([p.classes for p in self.photos.photos]),
            minlength=len(self.photos.class_names),
        )
        rare = np.sqrt(300 / np.maximum(count, 1)).clip(0.7, 3.0)
        odds = np.array([rare[p.classes].max(initial=0.7) for p in self.photos.photos])
        share = {"indoor_roboflow_box": 0.3, "ccp_mask": 0.3, "caltech101": 0.6, "amenity_box": 0.3}
        share |= dict.fromkeys(("coco_val_box", "coco_full", "coco_box"), 2.5)
        odds *= np.array([share.get(p.source, 1.0) for p in self.photos.photos])
        people = np.array([name == COMMONEST for name in self.photos.class_names])
        odds *= [1.0 if people[each.classes].any() else 1.5 for each in self.labels]
        odds *= [not held_out(p.file_name) for p in self.photos.photos]
        return odds / odds.sum()

    def sample(self, size: int) -> Canvas:
        """A new random canvas of `size` pixels a side (a multiple of 32)."""
        canvas = self._draw(size * ZOOM)
        canvas.target = self.teacher(canvas.rgb)
        canvas.shrink(ZOOM)
        return canvas

    def _draw(self, size: int) -> Canvas:
        canvas = Canvas(size, len(self.photos.class_names))
        windows = [(0, 0, size, size)]
        if self.rng.random() < self.mosaic:
            x, y = (int(self.rng.uniform(0.3, 0.7) * size) for _ in range(2))
            windows = [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]
        for index in self.rng.choice(len(self.photos), len(windows), p=self.odds):
            put = self._placement(int(index), windows.pop(), size)
            canvas.place(self.photos, self.labels[int(index)], put)
        canvas.rgb = self.recolour(canvas.rgb)
        return canvas

    def _placement(self, index: int, window: tuple[int, int, int, int], size: int) -> Placement:
        x0, y0, x1, y1 = window
        h, w = self.photos.photos[index].size_hw
        fit = min((x1 - x0) / w, (y1 - y0) / h)
        if window != (0, 0, size, size):
            fit = max(fit, 0.6 * size / max(h, w))
        scale = fit * float(np.exp(self.rng.uniform(-0.2, 0.5)))
        aspect = float(np.exp(self.rng.normal(0, 0.08)))
        sx, sy = scale * aspect, scale / aspect
        free_x, free_y = (x1 - x0) - w * sx, (y1 - y0) - h * sy
        ox, oy = x0 + free_x * self.rng.random(), y0 + free_y * self.rng.random()
        return Placement(index, (sx, sy), (ox, oy), bool(self.rng.random() < 0.5), window)

    def recolour(self, rgb: UInt8Array) -> UInt8Array:
        """Another light, other tints, seldom grey."""
        if self.rng.random() < 0.1:
            rgb = np.repeat(rgb.mean(2, keepdims=True), 3, 2).astype(np.uint8)
        gain = np.exp(self.rng.normal(0, 0.18)) * np.exp(self.rng.normal(0, 0.05, 3))
        shift = self.rng.normal(0, 14)
        table = np.clip((np.arange(256)[:, None] - 114) * gain + 114 + shift, 0, 255)
        return np.asarray(cv2.LUT(rgb, table.astype(np.uint8)[None]), np.uint8)


class Vocabulary:
    """Class names, their synonyms and random words as text vectors, drawn anew each batch."""

    def __init__(self, class_names: list[str], words: WordVectors, seed: int) -> None:
        table = tomllib.loads((Path(__file__).parent / "synonyms.toml").read_text())
        self.names = words.vectors(class_names)
        self.synonyms = [
            words.vectors([s for s in table.get(n, []) if words.vector(s).any()] or [n])
            for n in class_names
        ]
        self.random_words = words.vectors(words.words[::3])
        self.rng = np.random.default_rng(seed)

    def draw(
        self, present: IntArray, known: FloatArray, columns: int, random_words: int
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """Choose the batch's texts; returns classes (K,), text (K + R, D) and known (B, K + R).

        `present` are the classes in the batch, `known` is (B, C) of 0 and 1.
        """
        absent = np.setdiff1d(np.arange(len(self.names)), present)
        more = self.rng.permutation(absent)[: max(0, columns - len(present))]
        classes = np.concatenate([np.unique(present), more])
        text = np.stack(
            [
                self.names[c]
                if self.rng.random() < 0.5
                else self.synonyms[c][self.rng.integers(len(self.synonyms[c]))]
                for c in classes
            ]
        )
        extra = self.random_words[self.rng.integers(len(self.random_words), size=random_words)]
        close = (extra @ self.names.T).max(1) > SIMILAR
        fine = np.repeat((~close)[None].astype(np.float32), len(known), 0) * 0.5
        return classes, np.concatenate([text, extra]), np.concatenate([known[:, classes], fine], 1)
