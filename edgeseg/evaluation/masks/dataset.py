"""Annotated masks in the formats of COCO, LVIS and SA-1B, with their images."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseg.codecs import decode_image
from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation.data import Instance, LabelledImage, file_name, read_truth, size_of
from edgeseg.evaluation.masks.files import FileStore
from edgeseg.types import BoolArray, Image

FORMATS = ("coco", "lvis", "cocofied-lvis", "sa-1b")
# LVIS has 1,203 classes; mapped to COCO's it has 80.
_COCO_CLASSES = 80


@dataclass(frozen=True)
class MaskDataset:
    """Images by name, each read with its annotations when it is asked for.

    ``format`` is one of `FORMATS`; ``categories`` are names by id, none for SA-1B.
    """

    format: str
    names: tuple[str, ...]
    categories: Mapping[int, str]
    labelled: Callable[[str], LabelledImage]
    files: FileStore

    def image(self, labelled: LabelledImage) -> Image | None:
        """Decode an image; None where its file is missing or has another size than annotated."""
        data = self.files.read(labelled.file_name)
        if data is None:
            return None
        image = decode_image(data)
        return image if labelled.size_hw in (None, image.size_hw) else None


def open_dataset(
    annotations: Path,
    places: Sequence[Path],
    kind: str = "auto",
    sources: Sequence[str] | None = None,
) -> MaskDataset:
    """Open annotations with the folders and tars of their images.

    A folder or tar of annotations is SA-1B's, a JSON file for each image; any other file is
    COCO's or LVIS's, also gzipped. ``sources`` keeps the images of those only. Raises
    InvalidParameterError for what is in no such format.
    """
    if kind != "auto" and kind not in FORMATS:
        raise InvalidParameterError(f"format: expected auto, {', '.join(FORMATS)}, got {kind!r}.")
    is_sa1b = annotations.is_dir() or annotations.suffix == ".tar"
    if is_sa1b != (kind == "sa-1b") and kind != "auto":
        expected = "a folder or tar of JSON files" if kind == "sa-1b" else "one JSON file"
        raise InvalidParameterError(f"{annotations}: expected {expected} for the format {kind}.")
    if is_sa1b:
        return _sa1b(annotations, places)
    truth = read_truth(annotations, places, sources)
    by_name = {each.file_name: each for each in truth.images}
    if len(by_name) < len(truth.images):
        raise InvalidParameterError(f"{annotations}: several images have the same file name.")
    categories = {
        each.category_id: each.category for image in truth.images for each in image.instances
    }
    found = _kind(list(by_name), len(truth.categories)) if kind == "auto" else kind
    return MaskDataset(
        found, tuple(sorted(by_name)), categories, by_name.__getitem__, FileStore(places)
    )


def _kind(names: Sequence[str], classes: int) -> str:
    """Tell LVIS from COCO by its images, which lie in COCO's folders of train2017 and val2017."""
    if not all(name.startswith(("train2017/", "val2017/")) for name in names):
        return "coco"
    return "lvis" if classes > _COCO_CLASSES else "cocofied-lvis"


def _sa1b(annotations: Path, places: Sequence[Path]) -> MaskDataset:
    store = FileStore([annotations])
    names = tuple(store.names(".json"))
    if not names:
        raise InvalidParameterError(f"{annotations}: no JSON file of SA-1B is in it.")

    def labelled(name: str) -> LabelledImage:
        return _sa1b_image(name, store.read(name))

    return MaskDataset("sa-1b", names, {}, labelled, FileStore(places))


def _sa1b_image(name: str, data: bytes | None) -> LabelledImage:
    try:
        table = json.loads(data or b"")
        image = table["image"]
        objects = tuple(_sa1b_object(row) for row in table["annotations"])
        return LabelledImage(int(image["image_id"]), file_name(image), objects, (), size_of(image))
    except (ValueError, LookupError, TypeError) as error:
        raise InvalidParameterError(f"{name}: not an annotation file of SA-1B: {error}.") from error


def _sa1b_object(row: dict[str, Any]) -> Instance:
    x, y, width, height = map(float, row["bbox"])
    point_x, point_y = map(float, row["point_coords"][0])
    return Instance(
        "object",
        (x, y, x + width, y + height),
        False,
        row["segmentation"],
        int(row["id"]),
        area_px=float(row["area"]),
        point_xy=(point_x, point_y),
    )


def has_masks(labelled: LabelledImage) -> bool:
    """Say whether an image has an object that is no crowd and has a mask."""
    return any(is_single(each) for each in labelled.instances)


def is_single(instance: Instance) -> bool:
    """Say whether an object is no crowd and has a mask."""
    return not instance.crowd and instance.segmentation is not None


def usable_mask(instance: Instance, size_hw: tuple[int, int]) -> BoolArray | None:
    """(H, W) mask of an object; None without one, and for one that cannot be read or is empty."""
    try:
        mask = instance.mask(size_hw)
    except InvalidParameterError:
        return None
    return mask if mask is not None and mask.any() else None


def choose_images(
    dataset: MaskDataset, limit: int | None = None, seed: int = 0, listed: Path | None = None
) -> list[str]:
    """Names of the images to evaluate, sorted: those that are listed, or ``limit`` drawn ones.

    ``listed`` has a name a line, with or without folders and suffix; images are drawn from those
    with masks. Raises InvalidParameterError for a name that the data set lacks.
    """
    names = list(dataset.names)
    if limit is not None and dataset.format != "sa-1b":
        # To know it of SA-1B, every one of its files would have to be read.
        names = [name for name in names if has_masks(dataset.labelled(name))]
    if listed is not None:
        by_stem = {Path(name).stem: name for name in names}
        stems = [Path(line.strip()).stem for line in listed.read_text("utf-8").splitlines()]
        missing = [stem for stem in stems if stem and stem not in by_stem]
        if missing:
            raise InvalidParameterError(
                f"{listed}: {len(missing)} images are not annotated, such as {missing[0]}."
            )
        names = sorted({by_stem[stem] for stem in stems if stem})
    if limit is not None and limit < len(names):
        names = sorted(random.Random(seed).sample(names, limit))
    return names
