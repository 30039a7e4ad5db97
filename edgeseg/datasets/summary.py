"""The summary of a data set: counts of each class, empty images, sizes, and likely copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgeseg.datasets.rows import LabelledImage
from edgeseg.datasets.splits import NAMES

# Bits of 64 in which hashes of copies in another size or quality may differ.
_NEAR_BITS = 3
# Flat images have hashes that say nothing.
_MIN_BITS, _MAX_BITS = 8, 56
_ROWS_AT_ONCE = 1024


def summary(
    images: Sequence[LabelledImage],
    classes: Sequence[str],
    copies: Mapping[str, str],
    failed: Mapping[str, str],
) -> dict[str, Any]:
    """Return the figures as JSON values; areas are in pixels, sizes in pixels and bytes.

    ``copies`` are files left out, with the file that they repeat to the byte; ``failed`` are files
    with the reason why they could not be read.
    """
    return {
        "images": len(images),
        "splits": {name: sum(each.split == name for each in images) for name in NAMES},
        "objects": sum(len(each.result.objects) for each in images),
        "classes": [_of_class(number, name, images) for number, name in enumerate(classes)],
        "empty_images": [each.name for each in images if not each.result.objects],
        "doubtful_images": sum(bool(each.doubts) for each in images),
        "width_px": _spread([each.result.image.width for each in images]),
        "height_px": _spread([each.result.image.height for each in images]),
        "size_bytes": sum(each.size_bytes for each in images),
        "copies": dict(copies),
        "near_copies": near_copies(images),
        "failed": dict(failed),
    }


def near_copies(images: Sequence[LabelledImage]) -> list[dict[str, Any]]:
    """Return pairs of images that look the same, with their splits and the bits that differ."""
    if not images:
        return []
    hashes = np.array([int(each.difference_hash, 16) for each in images], np.uint64)
    bits = np.bitwise_count(hashes)
    tells = (bits >= _MIN_BITS) & (bits <= _MAX_BITS)
    pairs = []
    for start in range(0, len(images), _ROWS_AT_ONCE):
        distance = np.bitwise_count(hashes[start : start + _ROWS_AT_ONCE, None] ^ hashes[None])
        for row, column in np.argwhere(distance <= _NEAR_BITS):
            first, second = start + int(row), int(column)
            if first < second and tells[first] and tells[second]:
                one, other = images[first], images[second]
                pairs.append(
                    {
                        "names": [one.name, other.name],
                        "splits": [one.split, other.split],
                        "bits": int(distance[row, column]),
                    }
                )
    return pairs


def review_list(images: Sequence[LabelledImage]) -> list[dict[str, Any]]:
    """Return the doubtful images, the most doubtful first, with their doubts."""
    doubtful = sorted(
        (each for each in images if each.doubts), key=lambda each: (-each.doubt, each.name)
    )
    return [
        {
            "file": each.file,
            "name": each.name,
            "split": each.split,
            "doubt": each.doubt,
            "reasons": [doubt.model_dump(mode="json") for doubt in each.doubts],
        }
        for each in doubtful
    ]


def _of_class(number: int, name: str, images: Sequence[LabelledImage]) -> dict[str, Any]:
    by_split: dict[str, int] = dict.fromkeys(NAMES, 0)
    areas: list[int] = []
    with_it = 0
    for each in images:
        found = [one.area for one in each.result.objects if one.label == name]
        by_split[each.split] += len(found)
        areas += found
        with_it += bool(found)
    return {
        "number": number,
        "name": name,
        "objects": len(areas),
        "images": with_it,
        "by_split": by_split,
        "area_px": _spread(areas),
    }


def _spread(values: Sequence[int]) -> dict[str, float] | None:
    """Return the least, the median and the greatest; None of nothing."""
    if not values:
        return None
    return {"min": min(values), "median": float(np.median(values)), "max": max(values)}
