"""Photos and COCO-format annotations, decoded once into a memory-mapped cache."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pycocotools import mask as coco_mask

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def held_out(file_name: str) -> bool:
    """Whether a photo is kept out of the detector's training, so that scores can be fitted on it.

    One of 25, by its name: on photos that a detector was trained on, its scores are too good.
    """
    return zlib.crc32(file_name.encode()) % 25 == 0


def read_json(path: Path) -> Any:
    """The object in a JSON file, gzipped when its name ends in `.gz`."""
    raw = path.read_bytes()
    return json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)


@dataclass
class Photo:
    """One photo's labels; boxes are xyxy in pixels of the stored photo."""

    file_name: str
    source: str
    size_hw: tuple[int, int]
    boxes_xyxy: FloatArray
    classes: IntArray
    """(N,) index into `PhotoSet.class_names`."""
    crowd: BoolArray
    segmentations: list[Any]
    """COCO segmentation (RLE dict or polygons) of each box, None without a mask."""

    def mask(self, index: int) -> UInt8Array | None:
        """(H, W) uint8 mask of one instance in {0, 1}, or None."""
        seg = self.segmentations[index]
        if seg is None:
            return None
        h, w = self.size_hw
        rle = coco_mask.merge(coco_mask.frPyObjects(seg, h, w)) if isinstance(seg, list) else seg
        mask: UInt8Array = coco_mask.decode(rle)
        return mask


@dataclass
class PhotoSet:
    """Labelled photos whose pixels lie in memory-mapped files."""

    photos: list[Photo]
    class_names: list[str]
    exhaustive: dict[str, BoolArray]
    """source -> (C,) True where that source labels the class completely."""
    category_ids: list[int]
    pixels: Sequence[tuple[UInt8Array, int]]
    """Of each photo, the file that holds it and where it begins there."""

    def __len__(self) -> int:
        return len(self.photos)

    def rgb(self, index: int) -> UInt8Array:
        """(H, W, 3) uint8 RGB of photo `index`."""
        h, w = self.photos[index].size_hw
        pixels, start = self.pixels[index]
        return pixels[start : start + h * w * 3].reshape(h, w, 3)


def decode_tars(tars: list[Path], cache: Path) -> dict[str, tuple[int, int, int]]:
    """Decode every photo of `tars` into `cache`; returns name -> (offset, height, width)."""
    index_file = cache.with_suffix(".json")
    if index_file.exists():
        return {k: tuple(v) for k, v in json.loads(index_file.read_text()).items()}
    cache.parent.mkdir(parents=True, exist_ok=True)
    index: dict[str, tuple[int, int, int]] = {}
    offset = 0
    with cache.open("wb") as out:
        for tar in tars:
            with tarfile.open(tar) as archive:
                for member in archive:
                    stream = archive.extractfile(member)
                    if stream is None:
                        continue
                    rgb = np.asarray(Image.open(io.BytesIO(stream.read())).convert("RGB"))
                    out.write(rgb.tobytes())
                    index[member.name] = (offset, rgb.shape[0], rgb.shape[1])
                    offset += rgb.nbytes
    index_file.write_text(json.dumps(index))
    return index


def load_photos(annotations: Path, tars: list[Path], cache: Path) -> PhotoSet:
    """Read COCO-format `annotations` and the photos of `tars`, cached at `cache`."""
    data = read_json(annotations)
    index = decode_tars(tars, cache)
    names = [c["name"] for c in data["categories"]]
    column = {c["id"]: i for i, c in enumerate(data["categories"])}
    by_image: dict[int, list[dict[str, Any]]] = {}
    for a in data["annotations"]:
        by_image.setdefault(a["image_id"], []).append(a)
    file = np.memmap(cache, np.uint8, "r")
    photos, pixels = [], []
    for image in data["images"]:
        if image["file_name"] not in index:
            continue
        offset, h, w = index[image["file_name"]]
        rows = by_image.get(image["id"], [])
        boxes = np.array([a["bbox"] for a in rows], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        photos.append(
            Photo(
                image["file_name"],
                image["source"],
                (h, w),
                boxes,
                np.array([column[a["category_id"]] for a in rows], np.int64),
                np.array([bool(a.get("iscrowd")) for a in rows], bool),
                [a.get("segmentation") for a in rows],
            )
        )
        pixels.append((file, offset))
    sources = data.get("info", {}).get("sources", {}) if isinstance(data.get("info"), dict) else {}
    exhaustive = {
        s: np.array([n in set(v["exhaustive"]) for n in names], bool) for s, v in sources.items()
    }
    return PhotoSet(photos, names, exhaustive, [c["id"] for c in data["categories"]], pixels)


def load_nano(data: Path, cache: Path) -> PhotoSet:
    """The training photos in the folder `nano` of ``data``."""
    nano = data / "nano"
    tars = sorted(nano.glob("train-*.tar"))
    return load_photos(nano / "train.json.gz", tars, cache / "train.u8")


def joined(photos: PhotoSet, more: PhotoSet) -> PhotoSet:
    """Both, under the classes of the first and, after them, those that only ``more`` has.

    ``category_ids`` stay those of the first.
    """
    names = photos.class_names + [n for n in more.class_names if n not in photos.class_names]
    column = np.array([names.index(n) for n in more.class_names], np.int64)
    exhaustive = {s: np.pad(v, (0, len(names) - len(v))) for s, v in photos.exhaustive.items()}
    for source, complete in more.exhaustive.items():
        exhaustive[source] = np.zeros(len(names), bool)
        exhaustive[source][column[complete]] = True
    renamed = [replace(photo, classes=column[photo.classes]) for photo in more.photos]
    return PhotoSet(
        photos.photos + renamed,
        names,
        exhaustive,
        photos.category_ids,
        [*photos.pixels, *more.pixels],
    )


def add_tableware(photos: PhotoSet, folder: Path, cache: Path) -> PhotoSet:
    """Return ``photos`` with all scenes that `training.synthetic.render` wrote into a folder."""
    for tar in sorted(folder.glob("*.tar")):
        drawn = load_photos(tar.with_suffix(".json.gz"), [tar], cache / f"{tar.stem}.u8")
        photos = joined(photos, drawn)
    return photos


CALTECH_NAMES = {
    "Faces": "face",
    "Leopards": "leopard",
    "Motorbikes": "motorcycle",
    "airplanes": "airplane",
    "binocular": "binoculars",
    "car_side": "car",
    "cellphone": "cell phone",
    "cougar_body": "cougar",
    "cougar_face": "cougar",
    "crocodile_head": "crocodile",
    "flamingo_head": "flamingo",
    "inline_skate": "roller skate",
    "soccer_ball": "sports ball",
    "water_lilly": "water lily",
    "windsor_chair": "chair",
    "hawksbill": "sea turtle",
    "sea_horse": "seahorse",
}
SKIPPED_CALTECH = {"bass", "tick", "garfield", "snoopy", "yin_yang", "wild_cat"}


def caltech_photo(row: dict[str, Any], column: dict[str, int]) -> Photo:
    """A photo of one thing: its box is the teacher's best guess, else nearly the whole photo."""
    h, w = row["height"], row["width"]
    large = [t for t in row["teacher"] if t[2] * t[3] > 0.12 * h * w]
    if large:
        x, y, bw, bh = max(large, key=lambda t: t[4])[:4]
        box = [x, y, x + bw, y + bh]
    else:
        box = [0.06 * w, 0.06 * h, 0.94 * w, 0.94 * h]
    name = CALTECH_NAMES.get(row["label"], row["label"].replace("_", " "))
    one = np.zeros(1, bool)
    return Photo(
        row["file_name"],
        "caltech101",
        (h, w),
        np.array([box], np.float32),
        np.array([column[name]], np.int64),
        one,
        [None],
    )


def add_caltech(photos: PhotoSet, folder: Path, cache: Path) -> PhotoSet:
    """`photos` and the photos of Caltech101, whose labels are added to the classes."""
    rows = [r for r in read_json(folder / "labels.json.gz") if r["label"] not in SKIPPED_CALTECH]
    index = decode_tars(sorted(folder.glob("images-*.tar")), cache)
    names = sorted({CALTECH_NAMES.get(r["label"], r["label"].replace("_", " ")) for r in rows})
    column = {n: i for i, n in enumerate(names)}
    rows = [r for r in rows if r["file_name"] in index]
    file = np.memmap(cache, np.uint8, "r")
    caltech = PhotoSet(
        [caltech_photo(r, column) for r in rows],
        names,
        {"caltech101": np.ones(len(names), bool)},
        [],
        [(file, index[r["file_name"]][0]) for r in rows],
    )
    return joined(photos, caltech)
