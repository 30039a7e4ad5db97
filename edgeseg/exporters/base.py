"""What every format starts from: pictures with names of their own, and their objects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseg.codecs import rle_area, rle_to_mask
from edgeseg.errors import InvalidParameterError
from edgeseg.schemas import SegmentationResult, SegmentedObject
from edgeseg.types import BoolArray

Files = dict[str, bytes]


@dataclass(frozen=True)
class Picture:
    """A result and the file name of its image; without one it is named after its task."""

    result: SegmentationResult
    file_name: str | None = None


@dataclass(frozen=True)
class Item:
    """A picture within a data set: ``stem`` names the files made for it, no two alike."""

    file_name: str
    stem: str
    result: SegmentationResult

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.result.image.height, self.result.image.width

    @property
    def objects(self) -> list[SegmentedObject]:
        """The objects that have any pixel, best first."""
        return [each for each in self.result.objects if rle_area(each.mask) > 0]

    def masks(self) -> Iterator[tuple[SegmentedObject, BoolArray]]:
        """Yield each object with its (H, W) mask."""
        for each in self.objects:
            yield each, rle_to_mask(each.mask)


@dataclass(frozen=True)
class Dataset:
    """Pictures in order, and their labels in the order in which they first appear."""

    items: tuple[Item, ...]
    labels: tuple[str, ...]

    @classmethod
    def of(cls, pictures: Sequence[Picture]) -> Dataset:
        """Name pictures and check them.

        Raises InvalidParameterError for none, and for masks of another size than their image.
        """
        if not pictures:
            raise InvalidParameterError("There is no result to export.")
        names = [PurePosixPath(_safe(each)) for each in pictures]
        file_names = unique((name.stem, name.suffix) for name in names)
        stems = unique((PurePosixPath(name).stem, "") for name in file_names)
        items = tuple(
            Item(name, stem, each.result)
            for name, stem, each in zip(file_names, stems, pictures, strict=True)
        )
        for item in items:
            _check(item)
        labels = dict.fromkeys(each.label for item in items for each in item.objects)
        return cls(items, tuple(labels))


@dataclass(frozen=True)
class Format:
    """A format: what people call it, what it is, and how to write a data set in it."""

    name: str
    title: str
    description: str
    write: Callable[[Dataset], Files]


def unique(names: Iterable[tuple[str, str]]) -> list[str]:
    """Join each stem and suffix, with a number between where a name would come again.

    Upper and lower case count as the same, as some file systems have it.
    """
    seen: set[str] = set()
    made = []
    for stem, suffix in names:
        name, number = stem + suffix, 1
        while name.casefold() in seen:
            number += 1
            name = f"{stem}_{number}{suffix}"
        seen.add(name.casefold())
        made.append(name)
    return made


def pairs(points: npt.NDArray[np.float64]) -> list[list[float]]:
    """Return [x, y] of (P, 2) points to a hundredth of a pixel, whole ones as integers."""
    rounded = np.round(points, 2).tolist()
    return [[int(value) if value == int(value) else value for value in row] for row in rounded]


def to_json(value: Any) -> bytes:
    """Return compact JSON in ASCII, which is the same in every encoding that readers assume."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _safe(picture: Picture) -> str:
    """Return the last part of the file name without anything that could leave a folder."""
    last = re.split(r"[/\\]", picture.file_name or "")[-1]
    name = "".join(sign for sign in last if sign.isprintable()).strip(" ")
    return name if name.strip(".") else f"{picture.result.task_id}.jpg"


def _check(item: Item) -> None:
    for each in item.result.objects:
        if tuple(each.mask.size) != item.size_hw:
            raise InvalidParameterError(
                f"{item.file_name}: object {each.id} has a mask of size {each.mask.size}, "
                f"expected {item.size_hw}."
            )
