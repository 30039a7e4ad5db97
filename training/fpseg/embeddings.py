"""Embeddings of photos: written once for all trainings, and read with a check whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from edgeseg.engines.fpseg.checkpoint import read_encoder
from edgeseg.engines.fpseg.model import fingerprint, prepared
from training.common.configs import write_config
from training.common.distributed import World
from training.common.filling import begin, missing, write_shard
from training.common.precision import autocast
from training.common.store import EmbeddingStore, StoreIndex
from training.fpseg.config import Precompute, Size
from training.fpseg.data import LabelledPhotos, open_photos, resized
from training.fpseg.index import NAME, shown_rows
from training.fpseg.pairs import MIRRORED


def precompute(config: Precompute, world: World) -> None:
    """Embed the photos of all splits, and count their labels; goes on where it stopped.

    Raises NotEnoughSpaceError where the disk is too small, ConflictError where the folder holds
    embeddings of another encoder.
    """
    encoder = read_encoder(config.checkpoint, config.encoder, config.input_px).to(world.device)
    if world.is_first:
        config.image_embedding_dir.mkdir(parents=True, exist_ok=True)
        write_config(config, config.image_embedding_dir / "config.yaml")
    for split in config.splits:
        photos = open_photos(config, split)
        folder = config.image_embedding_dir / split
        index = StoreIndex(
            fingerprint(encoder.state_dict()),
            (config.input_px, config.input_px),
            (tuple(_shape(encoder, config.input_px, world)),),
            config.shard_items,
            config.stored_as,
            config.image_size,
        )
        mirrored = [f"{key}{MIRRORED}" for key in photos.keys] if config.flips else []
        hint = "set stored_as: float16, fewer splits, or flips: false"
        store = begin(folder, index, [*photos.keys, *mirrored], world, hint)
        _fill(store, photos, encoder, config, world)
        if world.is_first:
            shown_rows(photos, folder / NAME, config.num_workers)
        world.wait()


def _fill(
    store: EmbeddingStore,
    photos: LabelledPhotos,
    encoder: nn.Module,
    config: Precompute,
    world: World,
) -> None:
    rest = list(missing(store, world))
    total = sum(len(keys) for _, keys in rest)
    with tqdm(total=total, desc=store.folder.name, disable=not world.is_first) as bar:
        for shard, keys in rest:
            inputs = Inputs(photos, config.image_size, config.input_px)
            made = _encoded(encoder, inputs, keys, config, world)
            for count in write_shard(store, shard, keys, made):
                bar.update(count)


@torch.no_grad()
def _encoded(
    encoder: nn.Module, inputs: Inputs, keys: list[str], config: Precompute, world: World
) -> Iterator[list[npt.NDArray[Any]]]:
    loader = DataLoader(
        inputs,
        batch_sampler=[
            keys[start : start + config.batch_size]
            for start in range(0, len(keys), config.batch_size)
        ],
        num_workers=config.num_workers,
    )
    for images in loader:
        with autocast(world.device, config.precision):
            features = encoder(prepared(images.to(world.device), config.input_px))
        yield [features.float().cpu().numpy()]


class Inputs(Dataset[Tensor]):
    """(3, S, S) uint8 photos, stretched to the encoder's input, by their keys."""

    def __init__(self, photos: LabelledPhotos, size_hw: Size, input_px: int) -> None:
        self._photos, self._size_hw, self._input_px = photos, size_hw, input_px

    def __getitem__(self, key: str) -> Tensor:
        rgb = self._photos.photo(key.removesuffix(MIRRORED))
        if all(self._size_hw):
            rgb = resized(rgb, self._size_hw)
        rgb = resized(rgb, (self._input_px, self._input_px))
        if key.endswith(MIRRORED):
            rgb = rgb[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))


def open_embeddings(
    folder: Path, split: str, encoder_fingerprint: str | None, photos: LabelledPhotos
) -> EmbeddingStore:
    """Open the embeddings of a split's photos; without a fingerprint, of any encoder.

    Raises NotFoundError where some are missing, ConflictError where they are not of this encoder.
    """
    store = EmbeddingStore.open(folder / split)
    if encoder_fingerprint is not None:
        store.check(encoder_fingerprint)
    store.require(photos.keys)
    return store


@torch.no_grad()
def _shape(encoder: nn.Module, input_px: int, world: World) -> torch.Size:
    return encoder(torch.zeros(1, 3, input_px, input_px, device=world.device)).shape[1:]
