"""A small sentence encoder: a question becomes one vector near those of what answers it.

One layer of self-attention over the word vectors, in numpy. Distilled from a MiniLM by
`training/nano/sentence_encoder.py`; see the model card.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import IO

import numpy as np
import numpy.typing as npt

from edgeseg.engines.nano.word_vectors import WordVectors

FloatArray = npt.NDArray[np.float32]

MAX_WORDS = 24
_WORD = re.compile(r"[a-z]+|\d+")
_EPSILON = 1e-5


def sentence_words(text: str) -> list[str]:
    """Return the words that the encoder reads, in lower case, at most `MAX_WORDS`."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))[:MAX_WORDS]


class SentenceEncoder:
    """Encodes short English texts as unit vectors; what means the same lies near."""

    def __init__(self, source: IO[bytes], vectors: WordVectors) -> None:
        with np.load(source) as data:
            self._weights = {
                name: data[name].astype(np.float32) for name in data.files if name != "own_words"
            }
            own = data["own_words"].tobytes().decode().split("\n")
        self._own = {word: row for row, word in enumerate(own)}
        self._vectors = vectors
        self._heads = int(self._weights["heads"])

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> SentenceEncoder:
        """The encoder in the package, read once per process."""
        with (files(__package__) / "weights" / "sentences.npz").open("rb") as stream:
            return cls(stream, WordVectors.shipped())

    @property
    def dim(self) -> int:
        """Length D of every vector."""
        return int(self._weights["out"].shape[1])

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """(N, D) float32 unit vectors; zeros for a text without a word."""
        rows = [self._encode(sentence_words(text)) for text in texts]
        return np.array(rows, np.float32).reshape(-1, self.dim)

    def inputs(self, words: Sequence[str]) -> FloatArray:
        """(W, E) float32: a word vector for each word, or the encoder's own for its usual words."""
        table, unknown = self._weights["own"], self._weights["own"][-1]
        rows = []
        for word in words:
            if word in self._own:
                rows.append(table[self._own[word]])
                continue
            vector = self._vectors.vector(word)
            rows.append(vector if vector.any() else unknown)
        return np.array(rows, np.float32)

    def _encode(self, words: Sequence[str]) -> FloatArray:
        w = self._weights
        if not words:
            return np.zeros(self.dim, np.float32)
        x = self.inputs(words) @ w["into"] + w["places"][: len(words)]
        x = self._norm(x, "norm0")
        x = self._norm(x + self._attend(x), "norm1")
        hidden = np.maximum(x @ w["up"] + w["up_bias"], 0)
        x = self._norm(x + hidden @ w["down"] + w["down_bias"], "norm2")
        share = _softmax(x @ w["pool"])
        pooled = share @ x @ w["out"]
        return np.asarray(pooled / max(float(np.linalg.norm(pooled)), _EPSILON), np.float32)

    def _attend(self, x: FloatArray) -> FloatArray:
        """(W, H) float32: what each word takes from the others, by several heads."""
        w = self._weights
        count, width = x.shape
        qkv = (x @ w["qkv"] + w["qkv_bias"]).reshape(count, 3, self._heads, width // self._heads)
        q, k, v = qkv.transpose(1, 2, 0, 3)
        shares = _softmax(q @ k.transpose(0, 2, 1) / math.sqrt(width // self._heads))
        mixed = (shares @ v).transpose(1, 0, 2).reshape(count, width)
        return np.asarray(mixed @ w["mix"] + w["mix_bias"], np.float32)

    def _norm(self, x: FloatArray, name: str) -> FloatArray:
        """Layer normalisation with a gain and a shift."""
        gain, shift = self._weights[name]
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + _EPSILON)
        return np.asarray(x * gain + shift, np.float32)


def _softmax(x: FloatArray) -> FloatArray:
    """Softmax over the last axis."""
    x = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(x / x.sum(-1, keepdims=True), np.float32)
