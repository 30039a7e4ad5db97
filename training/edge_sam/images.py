"""Images with their objects, as COCO, LVIS and SA-1B lay them out, in one form and a sure order."""

from __future__ import annotations

import abc
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from edgeseg.errors import InvalidParameterError, NotFoundError
from edgeseg.evaluation.masks.files import FileStore
from training.common.data import BoolArray, FloatArray, Photo, UInt8Array, read_json
from training.edge_sam.config import Source

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Labelled:
    """An image and its objects; ``rgb`` is (H, W, 3) uint8, boxes and points are in its pixels."""

    key: str
    rgb: UInt8Array
    photo: Photo
    points_xy: FloatArray
    """(N, 2) a point in each object; NaN where the annotation has none."""

    def masks_of(self, rows: Sequence[int]) -> list[UInt8Array]:
        """(H, W) masks in {0, 1} of objects, each of which must have one."""
        masks = [self.photo.mask(row) for row in rows]
        assert all(mask is not None for mask in masks)
        return [mask for mask in masks if mask is not None]


class Images(abc.ABC):
    """Images by their keys, in the order of training."""

    keys: list[str]

    @abc.abstractmethod
    def read(self, key: str) -> Labelled:
        """Read one image and its objects; raises InvalidParameterError for a broken file."""

    def __len__(self) -> int:
        return len(self.keys)


class CocoImages(Images):
    """Images of one annotation file in COCO's or LVIS's format."""

    def __init__(self, files: FileStore, annotations: Path) -> None:
        self._files = files
        data = read_json(annotations)
        self.class_names = [each["name"] for each in data["categories"]]
        column = {each["id"]: index for index, each in enumerate(data["categories"])}
        rows: dict[int, list[dict[str, Any]]] = {}
        for row in data["annotations"]:
            rows.setdefault(row["image_id"], []).append(row)
        self._photos: dict[str, Photo] = {}
        for image in data["images"]:
            name = image_name(image)
            if name in files:
                self._photos[name] = _photo(name, image, rows.get(image["id"], []), column)
        self.keys = sorted(self._photos)

    def photo(self, key: str) -> Photo:
        """Return the annotations of an image without reading it."""
        return self._photos[key]

    def read(self, key: str) -> Labelled:
        """Read one image and its objects."""
        photo = self._photos[key]
        rgb = decode(self._files.read(key), key)
        if rgb.shape[:2] != photo.size_hw:
            raise InvalidParameterError(
                f"{key} has {rgb.shape[1]} x {rgb.shape[0]} pixels, its annotations are for "
                f"{photo.size_hw[1]} x {photo.size_hw[0]}."
            )
        none = np.full((len(photo.boxes_xyxy), 2), np.nan, np.float32)
        return Labelled(key, rgb, photo, none)


class Sa1bImages(Images):
    """SA-1B: beside each ``NAME.jpg`` a ``NAME.json``; images without one are left out.

    Both may lie in one folder or tar, as they are distributed, or in two trees of folders.
    """

    def __init__(self, files: FileStore) -> None:
        self._files = files
        tables = {stem(name): name for name in files.names(".json")}
        images = {stem(name): name for name in files.names(*IMAGE_SUFFIXES)}
        self._pairs = {key: (images[key], tables[key]) for key in images if key in tables}
        self.keys = sorted(self._pairs)

    def read(self, key: str) -> Labelled:
        """Read one image and its objects."""
        image, table = self._pairs[key]
        rows = _rows(self._files.read(table), table)
        rgb = decode(self._files.read(image), image)
        size = {"height": rgb.shape[0], "width": rgb.shape[1]}
        photo = _photo(key, size, rows, {})
        points = [row["point_coords"][0] if row.get("point_coords") else _NO_POINT for row in rows]
        return Labelled(key, rgb, photo, np.array(points, np.float32).reshape(-1, 2))


def _rows(data: bytes | None, name: str) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads(data or b"")["annotations"]
        return rows
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidParameterError(f"{name} holds no annotations of SA-1B.") from error


_NO_POINT = (float("nan"), float("nan"))


def open_images(source: Source, seed: int) -> Images:
    """Open the images of a source, in the order of its list or in one drawn by the seed.

    Raises NotFoundError where there are none, or where one of the list is missing.
    """
    files = FileStore(source.images)
    images: Images
    if source.format == "sa1b":
        images = Sa1bImages(files)
    elif source.annotations is None:
        raise InvalidParameterError(f"Images in the format {source.format} need annotations.")
    else:
        images = CocoImages(files, source.annotations)
        if source.masked_only:
            images.keys = [key for key in images.keys if has_mask(images.photo(key))]
    if source.keys is not None:
        images.keys = _listed(source.keys, images.keys)
    else:
        order = np.random.default_rng(seed).permutation(len(images.keys))
        images.keys = [images.keys[index] for index in order]
    images.keys = images.keys[: source.limit]
    if not images.keys:
        places = ", ".join(map(str, source.images)) or "no folder or tar"
        raise NotFoundError(f"No annotated images were found in {places}.")
    return images


def decode(data: bytes | None, name: str) -> UInt8Array:
    """(H, W, 3) uint8 of an encoded image; raises InvalidParameterError for anything else."""
    try:
        return np.asarray(PIL.Image.open(io.BytesIO(data or b"")).convert("RGB"))
    except (OSError, ValueError) as error:
        raise InvalidParameterError(f"{name} is not a valid image: {error}.") from error


def image_name(image: dict[str, Any]) -> str:
    """Return the file name of an image; LVIS has its address in COCO instead."""
    name = image.get("file_name") or "/".join(str(image["coco_url"]).split("/")[-2:])
    return str(name)


def stem(name: str) -> str:
    """Return a path's last part without its suffix."""
    return name.rpartition("/")[2].rpartition(".")[0]


def has_mask(photo: Photo) -> bool:
    """Whether any object that is no crowd has a mask."""
    return any(
        segmentation is not None and not crowd
        for segmentation, crowd in zip(photo.segmentations, photo.crowd, strict=True)
    )


def _listed(path: Path, known: list[str]) -> list[str]:
    wanted = path.read_text("utf-8").split("\n")
    keys = [line.strip() for line in wanted if line.strip()]
    missing = set(keys).difference(known)
    if missing:
        raise NotFoundError(
            f"{len(missing)} of {len(keys)} images of {path} were not found, "
            f"such as {min(missing)}."
        )
    return keys


def _photo(
    name: str, image: dict[str, Any], rows: list[dict[str, Any]], column: dict[int, int]
) -> Photo:
    boxes: FloatArray = np.array([row["bbox"] for row in rows], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    crowd: BoolArray = np.array([bool(row.get("iscrowd")) for row in rows], bool)
    return Photo(
        name,
        str(image.get("source", "")),
        (int(image["height"]), int(image["width"])),
        boxes,
        np.array([column.get(row.get("category_id", 0), 0) for row in rows], np.int64),
        crowd,
        [row.get("segmentation") or None for row in rows],
    )
