"""Write a teacher's embeddings of all images to disk; stopped at any point, it goes on there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from edgeseg.errors import InvalidParameterError, NotEnoughSpaceError
from training.edge_sam.config import Config, Source
from training.edge_sam.distributed import World
from training.edge_sam.images import Images, open_images
from training.edge_sam.optimisation import autocast
from training.edge_sam.pixels import normalised
from training.edge_sam.samples import Sample, Wants, collate, scaled
from training.edge_sam.store import EmbeddingStore, StoreIndex, as_record
from training.edge_sam.teacher import Teacher, load_teacher


class _Inputs(Dataset[Sample]):
    """Images by their keys, as the teacher takes them."""

    def __init__(self, images: Images, size_px: int) -> None:
        self._images, self._size_px = images, size_px

    def __getitem__(self, key: str) -> Sample:
        import numpy as np

        labelled = self._images.read(key)
        return scaled(labelled, self._size_px, Wants(), np.random.default_rng(0))


def precompute(config: Config, world: World) -> None:
    """Embed the images of training and of validation, each into a folder of ``embeddings``.

    Each process takes every so-manieth shard. Says beforehand how much it will be, and raises
    NotEnoughSpaceError where the disk has less.
    """
    folder = config.teacher.embeddings
    if folder is None:
        raise InvalidParameterError("teacher.embeddings is needed: the folder to write into.")
    teacher = load_teacher(config.teacher).to(world.device)
    for name, source in sources(config).items():
        images = open_images(source, config.seed)
        store = begin(folder / name, images, teacher, config, world)
        rest = list(_rest(store, world))
        total = sum(len(keys) for _, keys in rest)
        with tqdm(total=total, desc=name, disable=not world.is_first) as bar:
            for shard, keys in rest:
                for count in write_shard(store, shard, keys, images, teacher, config, world):
                    bar.update(count)
    world.wait()


def sources(config: Config) -> dict[str, Source]:
    """Return what is embedded, by the folder's name."""
    valid = {} if config.data.valid is None else {"valid": config.data.valid}
    return {"train": config.data.train, **valid}


def begin(
    folder: Path, images: Images, teacher: Teacher, config: Config, world: World
) -> EmbeddingStore:
    """Create or open the store, and say how much there is to write."""
    shapes = feature_shapes(teacher, world)
    index = StoreIndex(teacher.fingerprint(), teacher.size_px, shapes, config.teacher.shard_items)
    if world.is_first:
        store = EmbeddingStore.create(folder, index, images.keys)
        done = sum(store.written(shard) for shard in range(store.shards))
        rest_bytes = (len(images) - done) * index.record_bytes
        free_bytes = shutil.disk_usage(folder).free
        print(
            f"{folder}: {len(images):,} images of {index.record_bytes / 2**20:.2f} MiB each, "
            f"{len(images) * index.record_bytes / 1e9:.1f} GB in all, {done:,} done; "
            f"{free_bytes / 1e9:.0f} GB are free.",
            flush=True,
        )
        if rest_bytes > free_bytes:
            raise NotEnoughSpaceError(
                f"{folder} needs {rest_bytes / 1e9:.1f} GB more, {free_bytes / 1e9:.1f} GB are "
                "free; set data.train.limit, or teacher.on_the_fly, which needs no disk."
            )
    world.wait()
    return EmbeddingStore.create(folder, index, images.keys)


@torch.no_grad()
def feature_shapes(teacher: Teacher, world: World) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of an image's features."""
    blank = torch.zeros(1, 3, teacher.size_px, teacher.size_px, device=world.device)
    return tuple(tuple(each.shape[1:]) for each in teacher.encode(blank))


def _rest(store: EmbeddingStore, world: World) -> Iterator[tuple[int, list[str]]]:
    for shard in range(world.rank, store.shards, world.size):
        keys = store.shard_keys(shard)[store.written(shard) :]
        if keys:
            yield shard, keys


@torch.no_grad()
def write_shard(
    store: EmbeddingStore,
    shard: int,
    keys: list[str],
    images: Images,
    teacher: Teacher,
    config: Config,
    world: World,
) -> Iterator[int]:
    """Append the records of ``keys``; yields the number of each batch after it is on disk."""
    path, batch = store.shard_path(shard), config.optimisation.batch
    # Of a record that was cut short by a kill, nothing stays.
    with path.open("ab") as file:
        file.truncate(store.written(shard) * store.index.record_bytes)
    loader = DataLoader(
        _Inputs(images, teacher.size_px),
        batch_sampler=[keys[start : start + batch] for start in range(0, len(keys), batch)],
        collate_fn=collate,
        num_workers=config.data.workers,
    )
    with path.open("ab") as file:
        done = 0
        for loaded in loader:
            moved = loaded.to(world.device)
            with autocast(world.device, config.optimisation.precision):
                features = teacher.encode(normalised(moved.images, moved.inside_hw))
            arrays = [each.float().cpu().numpy() for each in features]
            for row, key in enumerate(keys[done : done + len(moved.images)]):
                file.write(as_record([each[row] for each in arrays], store.index, key))
            file.flush()
            done += len(moved.images)
            yield len(moved.images)
