"""Static word vectors: any phrase becomes one small vector by table look-up, with no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import IO

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

# Words that name nothing in an image; a phrase of nothing else has no vector.
_STOP = """a an the of in on at to for with and or by from is are be this that these those my your
his her its our their some any all every each one ones thing things object objects"""
STOP_WORDS = frozenset(_STOP.split())
# In "red sports car" the last word is what is looked for; the words before it only shade it.
MODIFIER_WEIGHT = 0.35
MAX_ENTRY_WORDS = 3


def singulars(word: str) -> list[str]:
    """Candidate singular forms of an English plural, likeliest first."""
    candidates = []
    if word.endswith("ies") and len(word) > 4:
        candidates.append(word[:-3] + "y")
    if word.endswith("ves") and len(word) > 4:
        candidates += [word[:-3] + "f", word[:-3] + "fe"]
    if word.endswith("es") and len(word) > 3:
        candidates.append(word[:-2])
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        candidates.insert(0, word[:-1])
    return candidates


class WordVectors:
    """A table of unit vectors for English words and a few fixed expressions.

    Distilled from a sentence encoder by `training/nano/word_vectors.py`; see the model card.
    """

    def __init__(self, source: IO[bytes]) -> None:
        with np.load(source) as data:
            words = data["words"].tobytes().decode().split("\n")
            self._table: npt.NDArray[np.int8] = data["vectors"]
        self._rows = {word: row for row, word in enumerate(words)}

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> WordVectors:
        """The table in the package, read once per process."""
        with (files(__package__) / "weights" / "words.npz").open("rb") as stream:
            return cls(stream)

    @property
    def dim(self) -> int:
        """Length D of every vector."""
        return int(self._table.shape[1])

    @property
    def words(self) -> list[str]:
        """Every entry of the table."""
        return list(self._rows)

    def knows(self, word: str) -> bool:
        """Whether `word` (or its singular) has an entry of its own."""
        return self._find(word.lower()) is not None

    def vector(self, phrase: str) -> FloatArray:
        """(D,) float32 unit vector of `phrase`; zeros when no word of it is known."""
        rows = [r for r in self._entries(phrase) if r is not None]
        if not rows:
            return np.zeros(self.dim, np.float32)
        vectors = self._table[rows].astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        weights = np.full(len(rows), MODIFIER_WEIGHT, np.float32)
        weights[-1] = 1.0
        total = weights @ vectors
        return np.asarray(total / np.linalg.norm(total), np.float32)

    def vectors(self, phrases: list[str]) -> FloatArray:
        """(N, D) float32, one row per phrase as in `vector`."""
        rows = [self.vector(p) for p in phrases]
        return np.array(rows, np.float32).reshape(-1, self.dim)

    def word_vectors(self, words: Sequence[str]) -> FloatArray:
        """(N, D) float32 unit vectors of single words, zeros for unknown ones."""
        found = [None if word in STOP_WORDS else self._find(word) for word in words]
        rows = np.array([-1 if row is None else row for row in found], np.int64)
        vectors = self._table[rows].astype(np.float32)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        return np.asarray(vectors * (rows >= 0)[:, None], np.float32)

    def similarity(self, a: str, b: str) -> float:
        """Cosine of the two phrases' vectors in [-1, 1]; 0 when either is unknown."""
        return float(self.vector(a) @ self.vector(b))

    def _find(self, word: str) -> int | None:
        for candidate in (word, *singulars(word)):
            row = self._rows.get(candidate)
            if row is not None:
                return row
        return None

    def _entries(self, phrase: str) -> list[int | None]:
        """Table rows of a phrase, longest expressions first, up to a prepositional tail."""
        words = re.findall(r"[a-z][a-z'-]*", phrase.lower())
        rows: list[int | None] = []
        i = 0
        while i < len(words):
            for n in range(min(MAX_ENTRY_WORDS, len(words) - i), 0, -1):
                entry = " ".join(words[i : i + n])
                row = None if entry in STOP_WORDS else self._find(entry)
                if row is not None or n == 1:
                    rows.append(row)
                    i += n
                    break
        return rows
