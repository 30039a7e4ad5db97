"""An encoder's features of many images on disk: records in shards, and an index."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgeseg.errors import ConflictError, InvalidParameterError, NotFoundError
from edgeseg.files import write_bytes

INDEX, KEYS = "index.json", "keys.txt"
FeatureArray = npt.NDArray[np.float16] | npt.NDArray[np.float32]


@dataclass(frozen=True)
class StoreIndex:
    """What the records of a store are."""

    fingerprint: str
    """Of the encoder."""
    size_hw: tuple[int, int]
    """Size of the encoder's input in pixels."""
    shapes: tuple[tuple[int, ...], ...]
    """Of the features of one image, without the batch."""
    shard_items: int
    dtype: Literal["float16", "float32"] = "float16"
    scaled_hw: tuple[int, int] = (0, 0)
    """Size that images are scaled to before they become inputs; 0: none."""

    @property
    def values(self) -> int:
        """Numbers in a record."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def record_bytes(self) -> int:
        """Bytes of a record."""
        return self.values * np.dtype(self.dtype).itemsize


class EmbeddingStore:
    """Features by the key of their image.

    ``index.json`` describes the records, ``keys.txt`` names them, one a line, and
    ``shard-00000.bin`` and its successors hold ``shard_items`` of them each, without any header. A
    shard that is shorter was interrupted; its whole records count.
    """

    def __init__(self, folder: Path, index: StoreIndex, keys: list[str]) -> None:
        self.folder, self.index, self.keys = folder, index, keys
        self._record = {key: number for number, key in enumerate(keys)}
        self._open: dict[int, FeatureArray] = {}

    @classmethod
    def create(cls, folder: Path, index: StoreIndex, keys: list[str]) -> EmbeddingStore:
        """Begin a store, or go on with the one that is there.

        Raises ConflictError where it is of another encoder or of other images.
        """
        if not (folder / INDEX).exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_bytes(folder / KEYS, "".join(f"{key}\n" for key in keys).encode())
            write_bytes(folder / INDEX, json.dumps(asdict(index), indent=1).encode())
        store = cls.open(folder)
        store.check(index.fingerprint)
        if store.index != index or store.keys != keys:
            raise ConflictError(
                f"{folder} holds the embeddings of other images or in other shards; "
                "choose another folder, or the list in its keys.txt."
            )
        return store

    @classmethod
    def open(cls, folder: Path) -> EmbeddingStore:
        """Open a store; raises NotFoundError where there is none."""
        try:
            data: dict[str, Any] = json.loads((folder / INDEX).read_text("utf-8"))
            keys = (folder / KEYS).read_text("utf-8").splitlines()
            shapes = tuple(tuple(int(n) for n in shape) for shape in data["shapes"])
            if data["dtype"] not in ("float16", "float32"):
                raise ValueError(f"numbers of the kind {data['dtype']!r}")
            index = StoreIndex(
                str(data["fingerprint"]),
                _size(data["size_hw"]),
                shapes,
                int(data["shard_items"]),
                data["dtype"],
                _size(data["scaled_hw"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NotFoundError(
                f"{folder} holds no embeddings ({error}); write them with the command precompute."
            ) from error
        return cls(folder, index, keys)

    def __contains__(self, key: str) -> bool:
        return key in self._record

    def check(self, fingerprint: str) -> None:
        """Raise ConflictError unless the embeddings are of this encoder."""
        if self.index.fingerprint != fingerprint:
            raise ConflictError(
                f"{self.folder} holds the embeddings of another encoder "
                f"({self.index.fingerprint[:12]}…, not {fingerprint[:12]}…)."
            )

    def require(self, keys: list[str]) -> None:
        """Raise NotFoundError unless all images have their record."""
        have = {key for number, key in enumerate(self.keys) if self._is_written(number)}
        missing = [key for key in keys if key not in have]
        if missing:
            raise NotFoundError(
                f"{self.folder} lacks the embeddings of {len(missing)} of {len(keys)} images, "
                f"such as {missing[0]}; run precompute again, which goes on where it stopped."
            )

    @property
    def shards(self) -> int:
        """How many shards the store has when it is whole."""
        return -(-len(self.keys) // self.index.shard_items)

    def shard_keys(self, shard: int) -> list[str]:
        """Return the keys of a shard's records."""
        first = shard * self.index.shard_items
        return self.keys[first : first + self.index.shard_items]

    def shard_path(self, shard: int) -> Path:
        """Return the file of a shard."""
        return self.folder / f"shard-{shard:05}.bin"

    def written(self, shard: int) -> int:
        """Return how many whole records of a shard there are."""
        path = self.shard_path(shard)
        return path.stat().st_size // self.index.record_bytes if path.exists() else 0

    def read(self, key: str) -> tuple[FeatureArray, ...]:
        """Return the features of an image, shaped as the index says."""
        number = self._record.get(key)
        if number is None:
            raise NotFoundError(f"{self.folder} has no embedding of {key}.")
        shard, row = divmod(number, self.index.shard_items)
        if shard not in self._open:
            self._open[shard] = np.memmap(self.shard_path(shard), self.index.dtype, "r")
        values = self.index.values
        flat = np.array(self._open[shard][row * values : (row + 1) * values])
        if flat.size != values:
            raise NotFoundError(f"{self.folder} has no embedding of {key} yet.")
        ends = np.cumsum([math.prod(shape) for shape in self.index.shapes])[:-1]
        parts = np.split(flat, ends)
        return tuple(
            part.reshape(shape) for part, shape in zip(parts, self.index.shapes, strict=True)
        )

    def _is_written(self, number: int) -> bool:
        shard, row = divmod(number, self.index.shard_items)
        return row < self.written(shard)


def _size(value: Any) -> tuple[int, int]:
    height, width = (int(side) for side in value)
    return height, width


def as_record(features: list[npt.NDArray[Any]], index: StoreIndex, key: str) -> bytes:
    """Return the record of one image.

    Raises InvalidParameterError where numbers are too large for the index's precision, or are none.
    """
    flat = np.concatenate([each.ravel() for each in features])
    with np.errstate(over="ignore"):
        stored = flat.astype(index.dtype)
    if flat.size != index.values or not np.isfinite(stored).all():
        raise InvalidParameterError(f"The embedding of {key} cannot be stored as {index.dtype}.")
    return stored.tobytes()
