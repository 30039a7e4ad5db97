"""A store of features is filled by one process or several, and goes on where it stopped."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from edgeseg.errors import NotEnoughSpaceError
from training.common.distributed import World
from training.common.store import EmbeddingStore, StoreIndex, as_record


def begin(
    folder: Path, index: StoreIndex, keys: list[str], world: World, hint: str
) -> EmbeddingStore:
    """Create or open the store, and say how much there is to write.

    Raises NotEnoughSpaceError, with the hint, where the disk has less.
    """
    if world.is_first:
        store = EmbeddingStore.create(folder, index, keys)
        done = sum(store.written(shard) for shard in range(store.shards))
        rest_bytes = (len(keys) - done) * index.record_bytes
        free_bytes = shutil.disk_usage(folder).free
        print(
            f"{folder}: {len(keys):,} images of {index.record_bytes / 2**20:.2f} MiB each, "
            f"{len(keys) * index.record_bytes / 1e9:.1f} GB in all, {done:,} done; "
            f"{free_bytes / 1e9:.0f} GB are free.",
            flush=True,
        )
        if rest_bytes > free_bytes:
            raise NotEnoughSpaceError(
                f"{folder} needs {rest_bytes / 1e9:.1f} GB more, {free_bytes / 1e9:.1f} GB are "
                f"free; {hint}."
            )
    world.wait()
    return EmbeddingStore.create(folder, index, keys)


def missing(store: EmbeddingStore, world: World) -> Iterator[tuple[int, list[str]]]:
    """Yield the shards of this process and the keys that they lack."""
    for shard in range(world.rank, store.shards, world.size):
        keys = store.shard_keys(shard)[store.written(shard) :]
        if keys:
            yield shard, keys


def write_shard(
    store: EmbeddingStore,
    shard: int,
    keys: list[str],
    batches: Iterable[list[npt.NDArray[Any]]],
) -> Iterator[int]:
    """Append the records of ``keys``; yields the number of each batch after it is on disk.

    A batch has the features of its images, each (B, ...), in the order of the keys.
    """
    path = store.shard_path(shard)
    with path.open("ab") as file:
        # Of a record that was cut short by a kill, nothing stays.
        file.truncate(store.written(shard) * store.index.record_bytes)
        done = 0
        for arrays in batches:
            count = len(arrays[0])
            for row, key in enumerate(keys[done : done + count]):
                file.write(as_record([each[row] for each in arrays], store.index, key))
            file.flush()
            done += count
            yield count
