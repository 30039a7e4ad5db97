"""Label Studio: one JSON file of tasks with predictions, as exact brush masks."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import numpy as np

from edgeseg.exporters.base import Dataset, Files, Format, Item, to_json
from edgeseg.schemas import SegmentedObject
from edgeseg.types import BoolArray

# Bits of a run's length, by the index that stands before it.
_SIZES = (3, 4, 8, 16)
_LONGEST = 1 << _SIZES[-1]
_WORD_BITS = 8


def brush_rle(mask: BoolArray) -> list[int]:
    """Return the bytes of an (H, W) mask as Label Studio's brush packs its RGBA pixels.

    A head says how many values follow, their bits less one, and the four sizes less one. Then
    come runs: a bit 1, the index of the size, the length less one, the value.
    """
    flat = mask.ravel()
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size)
    lengths = np.diff(ends, prepend=0) * 4
    bits = [f"{flat.size * 4:032b}", f"{_WORD_BITS - 1:05b}", *(f"{n - 1:04b}" for n in _SIZES)]
    for value, length in zip(flat[ends - 1].tolist(), lengths.tolist(), strict=True):
        word = "1" * _WORD_BITS if value else "0" * _WORD_BITS
        for start in range(0, length, _LONGEST):
            part = min(_LONGEST, length - start)
            index = next(i for i, size in enumerate(_SIZES) if part <= 1 << size)
            bits.append(f"1{index:02b}{part - 1:0{_SIZES[index]}b}{word}")
    packed = np.packbits(np.frombuffer("".join(bits).encode(), np.uint8) - ord("0"))
    return [int(byte) for byte in packed]


def _region(item: Item, each: SegmentedObject, mask: BoolArray) -> dict[str, Any]:
    height, width = item.size_hw
    return {
        "id": f"object{each.id}",
        "type": "brushlabels",
        "from_name": "tag",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": brush_rle(mask), "brushlabels": [each.label]},
        "score": each.score,
    }


def address_of(item: Item, prefix: str) -> str:
    """Return where Label Studio finds an image: its path behind the prefix.

    The path is quoted behind a URL or an absolute path such as ``/data/local-files/?d=``, and left
    as it is behind other schemes (``s3://``), whose keys are not.
    """
    is_url = prefix.startswith(("http://", "https://", "/"))
    return prefix + (quote(item.file_name) if is_url else item.file_name)


def _task(item: Item, prefix: str) -> dict[str, Any]:
    regions = [_region(item, each, mask) for each, mask in item.masks()]
    scores = [each.score for each in item.objects]
    prediction: dict[str, Any] = {"model_version": "edgeseg", "result": regions}
    if scores:
        prediction["score"] = sum(scores) / len(scores)
    return {"data": {"image": address_of(item, prefix)}, "predictions": [prediction]}


def _write(dataset: Dataset) -> Files:
    return {"tasks.json": to_json([_task(item, dataset.image_prefix) for item in dataset.items])}


LABEL_STUDIO = Format(
    "label-studio",
    "Label Studio",
    "One JSON file of tasks with predictions; brush masks, exact.",
    _write,
)
