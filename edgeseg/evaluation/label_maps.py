"""Photos with label maps: ``stem.png`` (class numbers) beside ``stem.webp`` or ``stem.jpg``."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from edgeseg.errors import InputError
from edgeseg.evaluation.masks.files import FileStore
from edgeseg.types import FloatArray, IntArray, UInt8Array

PHOTO_SUFFIXES = (".webp", ".jpg", ".jpeg")


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """``rgb`` (H, W, 3) uint8 and ``labels`` (H, W) uint8: class numbers, others not counted."""

    name: str
    rgb: UInt8Array
    labels: UInt8Array


NOT_COUNTED = 255
"""The label of pixels without a class."""


def read(places: Sequence[Path], classes: int) -> Iterator[LabelledPhoto]:
    """Yield the photos below folders and in tars, by name; larger numbers are not counted.

    Raises InputError for a photo whose label map is missing or of another size.
    """
    files = FileStore(places)
    for name in files.names(*PHOTO_SUFFIXES):
        yield read_one(files, name, classes)


def read_one(files: FileStore, name: str, classes: int) -> LabelledPhoto:
    """Read one photo by its name; raises as `read` does."""
    labels = read_labels(files, name, classes)
    with PillowImage.open(io.BytesIO(files.read(name) or b"")) as opened:
        rgb = np.asarray(opened.convert("RGB"))
    if labels.shape != rgb.shape[:2]:
        raise InputError(f"{name} and its label map are not of one size.")
    return LabelledPhoto(name.rpartition(".")[0], rgb, labels)


def read_labels(files: FileStore, name: str, classes: int) -> UInt8Array:
    """(H, W) numbers of a photo's label map; raises InputError where it has none."""
    stem = name.rpartition(".")[0]
    data = files.read(f"{stem}.png")
    if data is None:
        raise InputError(f"{name} has no label map {stem}.png beside it.")
    with PillowImage.open(io.BytesIO(data)) as opened:
        numbers = np.asarray(opened)
    if numbers.ndim != 2:
        raise InputError(f"{stem}.png: expected one number for each pixel.")
    return np.where(numbers < classes, numbers, NOT_COUNTED).astype(np.uint8)


def confusion_of(truth: UInt8Array, found: UInt8Array, classes: int) -> IntArray:
    """(N, N + 1) pixels by true and found class of two (H, W) label maps; the last: none.

    Pixels whose true class is not counted are left out.
    """
    counted = truth < classes
    pairs = truth[counted].astype(np.int64) * (classes + 1) + np.minimum(found[counted], classes)
    table: IntArray = np.bincount(pairs, minlength=classes * (classes + 1))
    return table.reshape(classes, classes + 1)


def ious(table: IntArray) -> FloatArray:
    """(N,) IoU of each class of an (N, N + 1) table; NaN for one that is nowhere."""
    both = np.diag(table)
    either = table.sum(1) + table[:, :-1].sum(0) - both
    with np.errstate(invalid="ignore"):
        result: FloatArray = np.where(either > 0, both / np.maximum(either, 1), np.nan)
    return result
