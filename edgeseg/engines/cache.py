"""Embeddings by engine and image, so that refining an image does not encode it again."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from edgeseg.engines.base import ClassSegmenter, Segmenter
from edgeseg.types import Embedding, Image


class EmbeddingCache:
    """Keeps the embeddings used last, up to ``max_bytes`` together; safe from several threads."""

    def __init__(self, max_bytes: int = 256 * 1024 * 1024) -> None:
        self.max_bytes = max_bytes
        self.hits = 0
        self.misses = 0
        self._min_s: dict[str, float] = {}
        self._held: OrderedDict[tuple[str, str], Embedding] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        with self._lock:
            return sum(embedding.nbytes for embedding in self._held.values())

    def embed(self, engine: Segmenter | ClassSegmenter, image: Image) -> Embedding:
        """Return the image's embedding by this engine, computed only if it is not held."""
        key = (_engine_key(engine), image.sha256)
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                self._held.move_to_end(key)
                self.hits += 1
                return held
            self.misses += 1
        began = time.perf_counter()
        embedding = engine.embed(image)
        spent_s = time.perf_counter() - began
        with self._lock:
            self._min_s[key[0]] = min(spent_s, self._min_s.get(key[0], spent_s))
            self._held[key] = embedding
            total = sum(each.nbytes for each in self._held.values())
            while total > self.max_bytes:
                _, dropped = self._held.popitem(last=False)
                total -= dropped.nbytes
        return embedding

    def min_embed_s(self, engine: Segmenter | ClassSegmenter, image: Image) -> float:
        """Return how long embedding the image takes at least, in seconds.

        0 where the embedding is held, or none of the engine's has been computed yet.
        """
        key = (_engine_key(engine), image.sha256)
        with self._lock:
            return 0.0 if key in self._held else self._min_s.get(key[0], 0.0)


def _engine_key(engine: Segmenter | ClassSegmenter) -> str:
    # Engines of two roles may share a name, but not what they keep of an image.
    own = getattr(engine, "unwrapped", engine)
    return f"{type(own).__name__}/{engine.name}"
