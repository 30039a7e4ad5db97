"""Pairs of a photo and a class: drawn as the original draws them, and loaded with their masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from edgeseg.types import BoolArray
from training.common.store import EmbeddingStore
from training.fpseg.data import LabelledPhotos, resized

MIRRORED = "#mirrored"
"""What the key of a mirrored photo's embedding ends with."""


class Pair(NamedTuple):
    """A photo and a row of the class table, both by their numbers."""

    photo: int
    row: int
    is_mirrored: bool = False


class PairBatch(NamedTuple):
    """B pairs."""

    embeddings: Tensor
    """(B, C, h, w) float32"""
    rows: Tensor
    """(B,) int64"""
    masks: Tensor
    """(B, H, W) uint8: 1 inside, 0 outside, 255 not counted"""

    def to(self, device: torch.device) -> PairBatch:
        """Return the batch on a device."""
        return PairBatch(*(each.to(device) for each in self))


@dataclass(frozen=True)
class PairSampler:
    """Draws as many pairs of each row, with photos that show it as often as they are.

    At least ``1 - p_neg_max`` of them show it. A row that no photo shows, or all, has one kind.
    """

    shown: BoolArray
    """(P, N) which rows each photo shows."""
    rows: Sequence[int]
    per_class: int
    p_neg_max: float
    seed: int

    def epoch(self, number: int, *, flips: bool = False) -> list[Pair]:
        """Return the pairs of an epoch in a random order, the same for the same number."""
        rng = np.random.default_rng([self.seed, number])
        pairs = [self._pair(row, flips, rng) for _ in range(self.per_class) for row in self.rows]
        return [pairs[index] for index in rng.permutation(len(pairs))]

    def _pair(self, row: int, flips: bool, rng: np.random.Generator) -> Pair:
        positive, negative = (
            np.flatnonzero(self.shown[:, row] == shows) for shows in (True, False)
        )
        share = max(len(positive) / len(self.shown), 1 - self.p_neg_max)
        is_positive = not len(negative) or (len(positive) > 0 and rng.random() < share)
        photo = int(rng.choice(positive if is_positive else negative))
        return Pair(photo, row, flips and bool(rng.random() < 0.5))


class PairSet(Dataset[tuple[Tensor, int, Tensor]]):
    """Loads the stored embedding of a pair's photo, and the mask of its row."""

    def __init__(
        self, photos: LabelledPhotos, store: EmbeddingStore, target_hw: tuple[int, int]
    ) -> None:
        self._photos, self._store, self._target_hw = photos, store, target_hw

    def __getitem__(self, pair: Pair) -> tuple[Tensor, int, Tensor]:
        key = self._photos.keys[pair.photo]
        ids = resized(self._photos.ids(key), self._target_hw, nearest=True)
        mask = torch.from_numpy(self._photos.table.mask(ids, pair.row))
        stored = pair.is_mirrored and f"{key}{MIRRORED}" in self._store
        (features,) = self._store.read(f"{key}{MIRRORED}" if stored else key)
        embedding = torch.from_numpy(features)
        if pair.is_mirrored:
            mask = mask.flip(-1)
            embedding = embedding if stored else embedding.flip(-1)
        return embedding, pair.row, mask


def batches(
    source: PairSet, pairs: Sequence[Pair], batch: int, workers: int
) -> Iterator[PairBatch]:
    """Yield the pairs in batches."""
    loader = DataLoader(
        source,
        batch_sampler=[list(pairs[i : i + batch]) for i in range(0, len(pairs), batch)],
        collate_fn=_collate,
        num_workers=workers,
    )
    return iter(loader)


def _collate(items: list[tuple[Tensor, int, Tensor]]) -> PairBatch:
    embeddings, rows, masks = zip(*items, strict=True)
    return PairBatch(torch.stack(embeddings).float(), torch.tensor(rows), torch.stack(masks))
