"""Labelled photos of a split, by their keys: Cityscapes, photos with label maps, COCO panoptic."""

from __future__ import annotations

import abc
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from edgeseg.errors import InvalidParameterError, NotFoundError
from edgeseg.evaluation import label_maps
from edgeseg.evaluation.label_maps import NOT_COUNTED
from edgeseg.evaluation.masks.files import FileStore
from edgeseg.types import UInt8Array
from training.common.data import read_json
from training.fpseg.cityscapes import cityscapes_table
from training.fpseg.class_table import ClassTable, plain_table
from training.fpseg.config import DataOptions

PHOTO_END, LABEL_END = "_leftImg8bit.png", "_labelIds.png"
# Only the extra split has coarse labels alone.
COARSE_SPLITS = ("train_extra",)


class LabelledPhotos(abc.ABC):
    """Photos of one split and the number of each of their pixels."""

    table: ClassTable
    keys: list[str]

    @abc.abstractmethod
    def photo(self, key: str) -> UInt8Array:
        """(H, W, 3) RGB."""

    @abc.abstractmethod
    def ids(self, key: str) -> UInt8Array:
        """(H, W) numbers that `table` knows."""


class Cityscapes(LabelledPhotos):
    """``leftImg8bit/SPLIT/CITY/*_leftImg8bit.png`` and ``gtFine/SPLIT/CITY/*_labelIds.png``."""

    def __init__(self, root: Path, split: str) -> None:
        self.table = cityscapes_table()
        self._root, self._split = root, split
        folder = root / "leftImg8bit" / split
        paths = sorted(folder.glob(f"*/*{PHOTO_END}"))
        self.keys = [f"{path.parent.name}/{path.name.removesuffix(PHOTO_END)}" for path in paths]
        if not self.keys:
            raise NotFoundError(f"{folder} has no CITY/NAME{PHOTO_END}.")

    def photo(self, key: str) -> UInt8Array:
        """(H, W, 3) RGB."""
        return read_rgb(self._root / "leftImg8bit" / self._split / f"{key}{PHOTO_END}")

    def ids(self, key: str) -> UInt8Array:
        """(H, W) label ids: 7 to 33, others of no class."""
        kind = "gtCoarse" if self._split in COARSE_SPLITS else "gtFine"
        return read_numbers(self._root / kind / self._split / f"{key}_{kind}{LABEL_END}")


class LabelMaps(LabelledPhotos):
    """``stem.png`` (class numbers) beside ``stem.jpg`` or ``stem.webp``, in a folder or tar."""

    def __init__(self, root: Path, split: str, classes: Sequence[str]) -> None:
        self.table = plain_table(classes)
        place = next((p for p in (root / split, root / f"{split}.tar") if p.exists()), None)
        if place is None:
            raise NotFoundError(f"{root} has neither the folder {split} nor {split}.tar.")
        self._files = FileStore([place])
        names = self._files.names(*label_maps.PHOTO_SUFFIXES)
        self._names = {name.rpartition(".")[0]: name for name in names}
        self.keys = sorted(self._names)
        if not self.keys:
            raise NotFoundError(f"{place} has no photo ({', '.join(label_maps.PHOTO_SUFFIXES)}).")

    def photo(self, key: str) -> UInt8Array:
        """(H, W, 3) RGB."""
        return label_maps.read_one(self._files, self._names[key], len(self.table.rows)).rgb

    def ids(self, key: str) -> UInt8Array:
        """(H, W) class numbers, 255 for none."""
        return label_maps.read_labels(self._files, self._names[key], len(self.table.rows))


class CocoPanoptic(LabelledPhotos):
    """``SPLIT/*.jpg``, ``annotations/panoptic_SPLIT.json`` and the folder of its PNG files."""

    def __init__(self, root: Path, split: str) -> None:
        path = root / "annotations" / f"panoptic_{split}.json"
        try:
            data = read_json(path)
            categories = sorted(data["categories"], key=lambda each: int(each["id"]))
            names = [str(each["name"]) for each in categories]
            self._segments = {
                Path(each["file_name"]).stem: {
                    int(part["id"]): int(part["category_id"]) for part in each["segments_info"]
                }
                for each in data["annotations"]
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidParameterError(f"{path} is no panoptic annotation: {error}.") from error
        self.table = plain_table(names)
        self._number = {int(each["id"]): number for number, each in enumerate(categories)}
        self._photos, self._maps = root / split, path.with_suffix("")
        self.keys = sorted(key for key in self._segments if (self._photos / f"{key}.jpg").is_file())
        if not self.keys:
            raise NotFoundError(f"{self._photos} has none of the photos that are annotated.")

    def photo(self, key: str) -> UInt8Array:
        """(H, W, 3) RGB."""
        return read_rgb(self._photos / f"{key}.jpg")

    def ids(self, key: str) -> UInt8Array:
        """(H, W) places of the categories by their ids, 255 for none."""
        rgb = read_rgb(self._maps / f"{key}.png").astype(np.int64)
        segments = rgb @ np.array([1, 256, 256**2])
        made = np.full(segments.shape, NOT_COUNTED, np.uint8)
        for segment, category in self._segments[key].items():
            made[segments == segment] = self._number.get(category, NOT_COUNTED)
        return made


def open_photos(options: DataOptions, split: str) -> LabelledPhotos:
    """Open a split; raises NotFoundError where there are no photos."""
    if options.dataset == "cityscapes":
        return Cityscapes(options.data_root, split)
    if options.dataset == "coco_panoptic":
        return CocoPanoptic(options.data_root, split)
    return LabelMaps(options.data_root, split, options.class_names())


def read_rgb(path: Path) -> UInt8Array:
    """(H, W, 3) of an image file; raises InvalidParameterError for anything else."""
    return np.asarray(_opened(path).convert("RGB"))


def read_numbers(path: Path) -> UInt8Array:
    """(H, W) of an image with one number for a pixel; raises as `read_rgb` does."""
    numbers = np.asarray(_opened(path))
    if numbers.ndim != 2 or numbers.dtype != np.uint8:
        raise InvalidParameterError(f"{path} is no label map: expected one byte for each pixel.")
    return numbers


def resized(pixels: UInt8Array, size_hw: tuple[int, int], *, nearest: bool = False) -> UInt8Array:
    """(H, W) or (H, W, 3) pixels at another size; label maps by their nearest pixel."""
    if pixels.shape[:2] == size_hw:
        return pixels
    how = PillowImage.Resampling.NEAREST if nearest else PillowImage.Resampling.BILINEAR
    return np.asarray(PillowImage.fromarray(pixels).resize(size_hw[::-1], how))


def _opened(path: Path) -> PillowImage.Image:
    try:
        image = PillowImage.open(io.BytesIO(path.read_bytes()))
        image.load()
    except (OSError, ValueError) as error:
        raise InvalidParameterError(f"{path} is not a valid image: {error}.") from error
    return image
