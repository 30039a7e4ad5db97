"""How many pixels of each number every label map has, counted once and kept as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from edgeseg.files import write_bytes
from edgeseg.types import BoolArray
from training.fpseg.data import LabelledPhotos

FORMAT = 1
NAME = "labels.json"


class _Counts(Dataset[dict[str, int]]):
    def __init__(self, photos: LabelledPhotos) -> None:
        self._photos = photos

    def __getitem__(self, index: int) -> dict[str, int]:
        values, counts = np.unique(self._photos.ids(self._photos.keys[index]), return_counts=True)
        pairs = zip(values.tolist(), counts.tolist(), strict=True)
        return {str(value): count for value, count in pairs}

    def __len__(self) -> int:
        return len(self._photos.keys)


def shown_rows(photos: LabelledPhotos, path: Path, workers: int) -> BoolArray:
    """(P, N) which rows each photo shows; reads the index, or writes it where it is not of these.

    Raises InvalidParameterError for a label map that is none.
    """
    counts = _read(path, photos.keys)
    if counts is None:
        loader = DataLoader(_Counts(photos), batch_size=None, num_workers=workers)
        counts = list(tqdm(loader, desc="count labels", total=len(photos.keys)))
        data = {"format": FORMAT, "counts": dict(zip(photos.keys, counts, strict=True))}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, json.dumps(data).encode())
    rows = []
    for each in counts:
        pixels = np.zeros(256, np.int64)
        for value, count in each.items():
            pixels[int(value)] = count
        rows.append(photos.table.shown(pixels.tolist()))
    return np.stack(rows)


def _read(path: Path, keys: list[str]) -> list[dict[str, int]] | None:
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["format"] != FORMAT or list(data["counts"]) != keys:
            return None
        counts: list[dict[str, int]] = list(data["counts"].values())
        return counts if all(0 <= int(v) < 256 for each in counts for v in each) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
