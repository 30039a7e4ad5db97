"""Embeddings are kept by engine and image, up to a bound."""

from __future__ import annotations

import numpy as np

from edgeseg.engines.cache import EmbeddingCache
from edgeseg.engines.fake import FakeSegmenter
from edgeseg.types import Embedding, Image


class Counting(FakeSegmenter):
    """Counts how often it is asked."""

    asked = 0

    def embed(self, image: Image) -> Embedding:
        self.asked += 1
        return super().embed(image)


def image(shade: int) -> Image:
    return Image.from_array(np.full((10, 100, 3), shade, np.uint8))


def test_the_same_image_is_embedded_once() -> None:
    engine, cache = Counting(), EmbeddingCache()
    first = cache.embed(engine, image(1))
    assert cache.embed(engine, image(1)) is first
    cache.embed(engine, image(2))
    assert (engine.asked, cache.hits, cache.misses) == (2, 1, 2)


def test_engines_of_other_names_do_not_share() -> None:
    left, right = Counting(), Counting()
    right.name = "other"
    cache = EmbeddingCache()
    cache.embed(left, image(1))
    cache.embed(right, image(1))
    assert right.asked == 1


def test_the_one_unused_longest_goes_first() -> None:
    engine, cache = Counting(), EmbeddingCache(max_bytes=2 * 300)
    cache.embed(engine, image(1))
    cache.embed(engine, image(2))
    cache.embed(engine, image(1))
    cache.embed(engine, image(3))
    assert cache.nbytes == 600
    cache.embed(engine, image(1))
    assert engine.asked == 3
    cache.embed(engine, image(2))
    assert engine.asked == 4


def test_what_does_not_fit_is_returned_all_the_same() -> None:
    cache = EmbeddingCache(max_bytes=10)
    assert cache.embed(Counting(), image(1)).nbytes == 300
    assert cache.nbytes == 0
