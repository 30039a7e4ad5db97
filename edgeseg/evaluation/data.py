"""COCO-format annotations with their photos, from a folder or from tar files."""

from __future__ import annotations

import gzip
import json
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseg.codecs import decode_image
from edgeseg.codecs.annotation import annotation_to_mask
from edgeseg.errors import InvalidParameterError
from edgeseg.types import BoolArray, Box, Image


@dataclass(frozen=True)
class Instance:
    """One annotated object; ``segmentation`` is COCO's RLE or polygons, None without a mask.

    ``area_px`` is the area as annotated, None where it is not; ``point_xy`` a point inside that the
    annotation tells, as SA-1B's.
    """

    category: str
    box_xyxy: Box
    crowd: bool
    segmentation: Any
    id: int = 0
    category_id: int = 0
    area_px: float | None = None
    point_xy: tuple[float, float] | None = None

    def mask(self, size_hw: tuple[int, int]) -> BoolArray | None:
        """(H, W) bool, or None without a mask; raises InvalidParameterError for a wrong one."""
        return None if self.segmentation is None else annotation_to_mask(self.segmentation, size_hw)


@dataclass(frozen=True)
class LabelledImage:
    """One photo's annotations; ``complete`` are the classes labelled without a gap.

    ``size_hw`` is the photo's size as annotated, None where it is not.
    """

    id: int
    file_name: str
    instances: tuple[Instance, ...]
    complete: tuple[str, ...]
    size_hw: tuple[int, int] | None = None


@dataclass(frozen=True)
class Truth:
    """All annotations and where the photos are."""

    images: tuple[LabelledImage, ...]
    categories: tuple[str, ...]
    places: tuple[Path, ...]

    def __iter__(self) -> Iterator[tuple[LabelledImage, Image]]:
        """Each annotated photo that is there, decoded."""
        by_name = {image.file_name: image for image in self.images}
        for place in self.places:
            for name, data in _files(place):
                if name in by_name:
                    yield by_name[name], decode_image(data)


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for path in sorted(place.rglob("*")):
            if path.is_file():
                yield path.relative_to(place).as_posix(), path.read_bytes()
        return
    try:
        with tarfile.open(place) as archive:
            for member in archive:
                stream = archive.extractfile(member)
                if stream is not None:
                    yield member.name, stream.read()
    except (OSError, tarfile.TarError) as error:
        raise InvalidParameterError(f"{place}: neither a folder nor a tar file.") from error


def read_truth(
    annotations: Path, places: Sequence[Path], sources: Sequence[str] | None = None
) -> Truth:
    """Read annotations (``.json`` or ``.json.gz``); ``sources`` keeps the images of those only.

    ``info.sources[NAME].exhaustive``, where there, lists the classes that a source labels
    completely; without it every class counts as labelled. Raises InvalidParameterError for a
    file that is not COCO format or sources that have no image.
    """
    try:
        raw = annotations.read_bytes()
        text = gzip.decompress(raw) if annotations.suffix == ".gz" else raw
        data = json.loads(text)
        names = {each["id"]: each["name"] for each in data["categories"]}
        images = [each for each in data["images"] if not sources or each["source"] in sources]
        rows: dict[int, list[Instance]] = {}
        for each in data["annotations"]:
            rows.setdefault(each["image_id"], []).append(_instance(each, names))
        files = [(file_name(each), size_of(each)) for each in images]
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError) as error:
        raise InvalidParameterError(
            f"{annotations}: expected COCO instance annotations as JSON: {_why(error)}."
        ) from error
    if not images:
        raise InvalidParameterError(f"{annotations}: no image of sources {sources}.")
    info = data.get("info")
    known = info.get("sources", {}) if isinstance(info, dict) else {}
    everything = tuple(names.values())
    labelled = []
    for each, (name, size_hw) in zip(images, files, strict=True):
        listed = known.get(each.get("source"), {}).get("exhaustive", everything)
        complete = tuple(label for label in everything if label in set(listed))
        instances = tuple(rows.get(each["id"], ()))
        labelled.append(LabelledImage(each["id"], name, instances, complete, size_hw))
    return Truth(tuple(labelled), everything, tuple(places))


def _why(error: Exception) -> str:
    """Return a reason that fits a sentence, without the data at fault."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return error.reason if isinstance(error, UnicodeDecodeError) else str(error)


def _instance(row: dict[str, Any], names: dict[int, str]) -> Instance:
    x, y, width, height = row["bbox"]
    box = (float(x), float(y), float(x + width), float(y + height))
    crowd = bool(row.get("iscrowd"))
    category, segmentation = names[row["category_id"]], row.get("segmentation")
    number, area = int(row.get("id", 0)), row.get("area")
    return Instance(category, box, crowd, segmentation, number, int(row["category_id"]), area)


def file_name(row: dict[str, Any]) -> str:
    """Return the file of an image's row; LVIS tells it as the end of an address.

    Raises KeyError for a row with neither.
    """
    name = row.get("file_name")
    if name is None:
        name = "/".join(row["coco_url"].split("/")[-2:])
    return str(name)


def size_of(row: dict[str, Any]) -> tuple[int, int] | None:
    """Return height and width of an image's row, None where they are not there."""
    height, width = row.get("height"), row.get("width")
    return None if height is None or width is None else (int(height), int(width))
