"""Vectors of the statements that questions are matched with, computed ahead of time."""

from __future__ import annotations

import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeseg.engines.nano.sentence_encoder import SentenceEncoder

FloatArray = npt.NDArray[np.float32]

NAME = "statements.npz"
SCALE = 127


def statement_vectors(texts: list[str], encoder: SentenceEncoder) -> FloatArray:
    """(N, D) float32 unit vectors of texts: stored ones, and the encoder's for all others."""
    path = files("edgeseg.engines.nano") / "weights" / NAME
    with path.open("rb") as stream, np.load(stream) as data:
        rows = {int(key): row for row, key in enumerate(data["keys"])}
        stored = data["vectors"]
    keys = [text_key(text) for text in texts]
    vectors = stored[[rows.get(key, 0) for key in keys]].astype(np.float32)
    new = [at for at, key in enumerate(keys) if key not in rows]
    if new:
        vectors[new] = encoder.encode([texts[at] for at in new])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-6), np.float32)


def write_statements(texts: list[str], vectors: FloatArray, path: Path) -> None:
    """Write the vectors (N, D) of texts in 8 bits, by a checksum of each text."""
    largest = np.abs(vectors).max(1, keepdims=True)
    rounded = np.rint(vectors / np.maximum(largest, 1e-6) * SCALE).astype(np.int8)
    keys = np.array([text_key(text) for text in texts], np.uint32)
    np.savez_compressed(path, keys=keys, vectors=rounded)


def text_key(text: str) -> int:
    """CRC-32 of a text, by which its vector is found."""
    return zlib.crc32(text.encode())
