"""Write a teacher's embeddings of all images to disk; stopped at any point, it goes on there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from edgeseg.errors import InvalidParameterError
from training.common.distributed import World
from training.common.filling import begin, missing, write_shard
from training.common.precision import autocast
from training.common.store import StoreIndex
from training.edge_sam.config import Config, Source
from training.edge_sam.images import Images, open_images
from training.edge_sam.pixels import normalised
from training.edge_sam.samples import Sample, Wants, collate, scaled
from training.edge_sam.teacher import Teacher, load_teacher

HINT = "set data.train.limit, or teacher.on_the_fly, which needs no disk"


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
        index = StoreIndex(
            teacher.fingerprint(),
            (teacher.size_px, teacher.size_px),
            feature_shapes(teacher, world),
            config.teacher.shard_items,
        )
        store = begin(folder / name, index, images.keys, world, HINT)
        rest = list(missing(store, world))
        total = sum(len(keys) for _, keys in rest)
        with tqdm(total=total, desc=name, disable=not world.is_first) as bar:
            for shard, keys in rest:
                batches = encoded(keys, images, teacher, config, world)
                for count in write_shard(store, shard, keys, batches):
                    bar.update(count)
    world.wait()


def sources(config: Config) -> dict[str, Source]:
    """Return what is embedded, by the folder's name."""
    valid = {} if config.data.valid is None else {"valid": config.data.valid}
    return {"train": config.data.train, **valid}


@torch.no_grad()
def feature_shapes(teacher: Teacher, world: World) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of an image's features."""
    blank = torch.zeros(1, 3, teacher.size_px, teacher.size_px, device=world.device)
    return tuple(tuple(each.shape[1:]) for each in teacher.encode(blank))


@torch.no_grad()
def encoded(
    keys: list[str], images: Images, teacher: Teacher, config: Config, world: World
) -> Iterator[list[npt.NDArray[Any]]]:
    """Yield the features of images, a batch at a time."""
    batch = config.optimisation.batch
    loader = DataLoader(
        _Inputs(images, teacher.size_px),
        batch_sampler=[keys[start : start + batch] for start in range(0, len(keys), batch)],
        collate_fn=collate,
        num_workers=config.data.workers,
    )
    for loaded in loader:
        moved = loaded.to(world.device)
        with autocast(world.device, config.optimisation.precision):
            features = teacher.encode(normalised(moved.images, moved.inside_hw))
        yield [each.float().cpu().numpy() for each in features]
