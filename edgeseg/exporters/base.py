"""What every format starts from: images with their names and objects, and numbered labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseg.codecs import rle_area, rle_to_mask
from edgeseg.errors import InvalidParameterError
from edgeseg.exporters.names import check_distinct, relative_names, stem_of
from edgeseg.schemas import MAX_PROMPT_CHARS, UNWRITABLE, SegmentationResult, SegmentedObject
from edgeseg.types import BoolArray

Files = dict[str, bytes]
# Reads the file of an image, when it is its turn.
ReadImage = Callable[[], bytes]
# Label maps hold numbers in 16 bits, and 0 is the background.
MAX_LABELS = 2**16 - 1


@dataclass(frozen=True)
class ImageResult:
    """A result and the path of its image; without one it is named after its task.

    ``read_image`` returns the image's file, for exports with images.
    """

    result: SegmentationResult
    file_name: str | None = None
    read_image: ReadImage | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Item:
    """An image within a data set: ``file_name`` is its path relative to the data set's folder."""

    file_name: str
    result: SegmentationResult
    read_image: ReadImage | None = field(default=None, compare=False, repr=False)

    @property
    def stem(self) -> str:
        """The path without its suffix, which names the files made for it."""
        return stem_of(self.file_name)

    @property
    def base_name(self) -> str:
        """The name without its folder."""
        return PurePosixPath(self.file_name).name

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.result.image.height, self.result.image.width

    @cached_property
    def objects(self) -> list[SegmentedObject]:
        """The objects that have any pixel, best first."""
        return [each for each in self.result.objects if rle_area(each.mask) > 0]

    def masks(self) -> Iterator[tuple[SegmentedObject, BoolArray]]:
        """Yield each object with its (H, W) mask."""
        for each in self.objects:
            yield each, rle_to_mask(each.mask)


@dataclass(frozen=True)
class Dataset:
    """Images in order, and their labels: the phrases of the prompts, found or not, then others.

    ``image_prefix`` goes before the path of an image where a format holds addresses of images.
    """

    items: tuple[Item, ...]
    labels: tuple[str, ...]
    image_prefix: str = ""

    @classmethod
    def from_results(cls, image_results: Sequence[ImageResult], image_prefix: str = "") -> Dataset:
        """Name images and check them.

        Raises InvalidParameterError for none, for names that no file can have or that come twice,
        for labels that no file can hold, and for masks of another size than their image.
        """
        if not image_results:
            raise InvalidParameterError("There is no result to export.")
        names = relative_names([each.file_name or _fallback(each) for each in image_results])
        check_distinct(names)
        items = tuple(
            Item(name, each.result, each.read_image)
            for name, each in zip(names, image_results, strict=True)
        )
        for item in items:
            _check(item)
        phrases = dict.fromkeys(phrase for item in items for phrase in item.result.phrases)
        others = dict.fromkeys(each.label for item in items for each in item.objects)
        labels = tuple(phrases | others)
        if len(labels) > MAX_LABELS:
            raise InvalidParameterError(
                f"Expected at most {MAX_LABELS} different labels, got {len(labels)}."
            )
        return cls(items, labels, image_prefix)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each label, from 0."""
        return {label: number for number, label in enumerate(self.labels)}


@dataclass(frozen=True)
class Format:
    """A format: what people call it, what it is, and how to write a data set in it.

    ``has_file_per_image``: it names files by the stems of the images; ``has_outlines``: the cost
    of writing it grows with the vertices of the masks; ``image_folder`` is where readers look for
    images, beside the files of the format.
    """

    name: str
    title: str
    description: str
    write: Callable[[Dataset], Files]
    has_file_per_image: bool = False
    has_outlines: bool = True
    image_folder: str = "images"


def unique(names: Iterable[str]) -> list[str]:
    """Return names with a number behind those that come again, in whatever case."""
    names_seen: set[str] = set()
    distinct = []
    for name in names:
        numbered, number = name, 1
        while numbered.casefold() in names_seen:
            number += 1
            numbered = f"{name}_{number}"
        names_seen.add(numbered.casefold())
        distinct.append(numbered)
    return distinct


def pairs(points: npt.NDArray[np.float64]) -> list[list[float]]:
    """Return [x, y] of (P, 2) points to a hundredth of a pixel, whole ones as integers."""
    rounded = np.round(points, 2).tolist()
    return [[int(value) if value == int(value) else value for value in row] for row in rounded]


def to_json(value: Any) -> bytes:
    """Return compact JSON in ASCII, which is the same in every encoding that readers assume.

    Raises ValueError for NaN and infinity, which JSON cannot hold.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _fallback(image_result: ImageResult) -> str:
    return f"{image_result.result.task_id}.jpg"


def _check(item: Item) -> None:
    for each in item.result.objects:
        if tuple(each.mask.size) != item.size_hw:
            raise InvalidParameterError(
                f"{item.file_name}: object {each.id} has a mask of size {each.mask.size}, "
                f"expected {item.size_hw}."
            )
    for label in (*item.result.phrases, *(each.label for each in item.result.objects)):
        if not label.strip() or len(label) > MAX_PROMPT_CHARS or UNWRITABLE.search(label):
            raise InvalidParameterError(
                f"{item.file_name}: the label {label[:80]!a} is blank, too long or has "
                "control characters; rename it."
            )
