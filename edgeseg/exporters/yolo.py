"""YOLO segmentation: a text file per image and data.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from edgeseg.codecs.outline import mask_to_polygons
from edgeseg.codecs.polygon import join_holes
from edgeseg.exporters.base import Dataset, Files, Format, Item


def _lines(item: Item, numbers: Mapping[str, int]) -> str:
    """Return a line for each part: class, then x and y from 0 to 1, interleaved."""
    scale = np.array(item.size_hw[::-1], float)
    lines = []
    for each, mask in item.masks():
        for polygon in mask_to_polygons(mask, reading="pixels"):
            values = (join_holes(polygon) / scale).ravel().tolist()
            points = " ".join(f"{value:.6f}" for value in values)
            lines.append(f"{numbers[each.label]} {points}\n")
    return "".join(lines)


def _quoted(label: str) -> str:
    """Return a string of YAML, which is one of JSON but for the byte order mark."""
    return json.dumps(label, ensure_ascii=False).replace("\ufeff", "\\ufeff")


def data_yaml(labels: Sequence[str], folders: Mapping[str, str]) -> str:
    """Return the file that trainers are given: labels by number, and a folder for each split."""
    names = [_quoted(label) for label in labels]
    rows = "".join(f"  {number}: {name}\n" for number, name in enumerate(names))
    head = "".join(f"{split}: {folder}\n" for split, folder in folders.items())
    return f"path: .\n{head}nc: {len(names)}\nnames:{' {}' if not names else ''}\n{rows}"


def _write(dataset: Dataset) -> Files:
    files = {"data.yaml": data_yaml(dataset.labels, {"train": "images", "val": "images"})}
    for item in dataset.items:
        files[f"labels/{item.stem}.txt"] = _lines(item, dataset.numbers)
    return {name: text.encode() for name, text in files.items()}


YOLO = Format(
    "yolo",
    "YOLO segmentation",
    "data.yaml and a text file per image; the images lie in a folder images.",
    _write,
    has_file_per_image=True,
)
