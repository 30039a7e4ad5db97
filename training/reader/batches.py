"""Batches of generated sentences as tensors."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from edgeseg.engines.nano.tagger import MAX_TOKENS, PARTS, SHAPES, parts_of, shape_of
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.language.tags import TAGS, Tag
from training.reader.grammar import Grammar
from training.reader.noise import spoiled, written
from training.reader.words import Words

# A known word is read by its letters alone this often, as a misspelled one is.
UNKNOWN = 0.15
MAX_CACHED = 200_000
AT_ONCE = 8
_NUMBERS = {tag: number for number, tag in enumerate(TAGS)}
_Features = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Batch:
    """Inputs of the tagger (B, T, ...), and what it should say: tags (B, T), starts (B, T)."""

    parts: Tensor
    vectors: Tensor
    shapes: Tensor
    kept: Tensor
    tags: Tensor
    starts: Tensor


class Sentences:
    """Generates batches; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._vectors = WordVectors.shipped()
        self._grammar = Grammar(Words(self._vectors))
        self._random = random.Random(seed)
        self._features: dict[str, _Features] = {}

    def batches(self, size: int, noisy: bool = True) -> list[Batch]:
        """Return a few batches of ``size`` sentences, each of about one length, in any order.

        Without noise, words keep their spelling.
        """
        rows = sorted((self._sentence(noisy) for _ in range(size * AT_ONCE)), key=len)
        groups = [rows[at : at + size] for at in range(0, len(rows), size)]
        self._random.shuffle(groups)
        return [self.collate(group, UNKNOWN if noisy else 0.0) for group in groups]

    def _sentence(self, noisy: bool) -> list[tuple[str, Tag, bool]]:
        words = self._grammar.sentence(self._random)
        words = spoiled(words, self._random) if noisy else words
        return written(words, self._random)[1][:MAX_TOKENS]

    def collate(self, rows: list[list[tuple[str, Tag, bool]]], unknown: float) -> Batch:
        """Return tokens as tensors; of the share ``unknown`` the word vector is left out."""
        size, length = len(rows), max(map(len, rows))
        parts = np.zeros((size, length, PARTS), np.int64)
        vectors = np.zeros((size, length, self._vectors.dim), np.float32)
        shapes = np.zeros((size, length, SHAPES), np.float32)
        tags = np.full((size, length), -100, np.int64)
        starts = np.zeros((size, length), np.float32)
        kept = np.zeros((size, length, 1), np.float32)
        for row, tokens in enumerate(rows):
            for place, (text, tag, start) in enumerate(tokens):
                spelled, vector, shape = self._of(text)
                parts[row, place], shapes[row, place] = spelled, shape
                if self._random.random() >= unknown:
                    vectors[row, place] = vector
                tags[row, place], starts[row, place] = _NUMBERS[tag], start
            kept[row, : len(tokens)] = 1
        arrays = (parts, vectors, shapes, kept, tags, starts)
        return Batch(*(torch.from_numpy(each) for each in arrays))

    def _of(self, text: str) -> _Features:
        known = self._features.get(text)
        if known is None:
            known = (parts_of(text), self._vectors.vector(text), shape_of(text))
            if len(self._features) < MAX_CACHED:
                self._features[text] = known
        return known
