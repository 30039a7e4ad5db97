"""A deadline that is too short costs no encoding."""

from __future__ import annotations

import time

import numpy as np
import pytest

from edgeseg import stages
from edgeseg.classes import Deadline
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.engines.fake import FakeClassSegmenter
from edgeseg.schemas import ClassesRequest
from edgeseg.types import ClassLogits, Embedding, FloatArray, Image
from tests.packs import small_pack

PACK = small_pack("small", "a", "b", "c")
REQUEST = ClassesRequest(pack="small")


class Clock:
    """Goes on only when something slow is done, so that a busy machine changes nothing."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "perf_counter", made)
    return made


class Slow(FakeClassSegmenter):
    """Takes 80 ms to encode, and 60 ms for each chunk of classes."""

    encoded = 0

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def embed(self, image: Image) -> Embedding:
        self.encoded += 1
        self._clock.now_s += 0.08
        return super().embed(image)

    def decode_classes(self, embedding: Embedding, prompts: FloatArray) -> ClassLogits:
        self._clock.now_s += 0.06
        return super().decode_classes(embedding, prompts)


def image(shade: int) -> Image:
    return Image.from_array(np.full((20, 30, 3), shade, np.uint8))


def test_what_was_spent_before_counts() -> None:
    assert Deadline.of(1000, 0).leaves(0.5)
    assert not Deadline.of(1000, 600).leaves(0.5)
    assert not Deadline.of(1000, 1000.1).leaves()
    assert Deadline.of(None, 1e9).leaves(1e9)


@pytest.mark.parametrize("has_cache", [False, True])
def test_an_image_is_not_encoded_after_the_deadline(clock: Clock, has_cache: bool) -> None:
    engine, cache = Slow(clock), EmbeddingCache() if has_cache else None
    made = stages.segment_classes(engine, image(1), REQUEST, PACK, cache, Deadline.of(5, 6))
    assert engine.encoded == 0
    assert made.finished == ()
    assert [each.name for each in made.unfinished] == ["a", "b", "c"]
    assert made.label_map.shape == (20, 30)
    assert (made.label_map == 255).all()


def test_nor_where_the_fastest_so_far_would_end_after_it(clock: Clock) -> None:
    engine, cache = Slow(clock), EmbeddingCache()
    first, other = image(1), image(2)
    stages.segment_classes(engine, first, REQUEST, PACK, cache, Deadline.of(20, 0))
    assert engine.encoded == 1, "nothing is known of the first image"
    made = stages.segment_classes(engine, other, REQUEST, PACK, cache, Deadline.of(60, 0))
    assert engine.encoded == 1
    assert made.finished == ()
    made = stages.segment_classes(engine, other, REQUEST, PACK, cache, Deadline.of(10_000, 0))
    assert len(made.finished) == 3
    # What is held costs no time.
    again = stages.segment_classes(engine, first, REQUEST, PACK, cache, Deadline.of(60, 0))
    assert again.finished
    assert engine.encoded == 2


@pytest.mark.parametrize(("deadline_ms", "classes"), [(139, 2), (201, 4), (261, 6), (199, 2)])
def test_no_chunk_is_begun_that_would_end_after_it(
    clock: Clock, deadline_ms: float, classes: int
) -> None:
    pack = small_pack("many", *"abcdefgh")
    request = ClassesRequest(pack="many")
    made = stages.segment_classes(
        Slow(clock), image(1), request, pack, None, Deadline.of(deadline_ms, 0)
    )
    assert [each.name for each in made.finished] == list("abcdefgh"[:classes])
