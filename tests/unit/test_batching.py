"""Requests that are stepped together get the answers that they get alone, and fail alone."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from edgeseg.engines.base import DetectCall, EngineOptions, SegmentCall
from edgeseg.engines.batching import BatchSize, can_batch
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.engines.fake import FakeDetector, FakeSegmenter
from edgeseg.errors import EdgeSegError, InvalidImageError
from edgeseg.run import Run, Step, step_many
from edgeseg.schemas import SegmentRequest
from edgeseg.settings import Role
from edgeseg.types import Detections, Embedding, Image, Masks

TOGETHER = EngineOptions(fake_item_latency_s=0.0)
PROMPTS = ("cat", "dog . cup", "nothing", "the leftmost cat . dog", "spoon", "cup . cat . dog")


class Detector(FakeDetector):
    """Notes the sizes of batches; cannot bear a phrase, nor more images than fit."""

    def __init__(self, poison: str = "", fitting: int = 100) -> None:
        super().__init__(TOGETHER)
        self.poison, self.fitting = poison, fitting
        self.sizes: list[int] = []

    def detect_many(self, calls: Sequence[DetectCall]) -> list[Detections]:
        self.sizes.append(len(calls))
        if len(calls) > self.fitting:
            raise MemoryError
        if any(self.poison in call.phrases for call in calls):
            raise RuntimeError("poison")
        return super().detect_many(calls)


class Segmenter(FakeSegmenter):
    """Embeds several images at once, and notes the sizes of batches."""

    def __init__(self) -> None:
        super().__init__(TOGETHER)
        self.embedded: list[int] = []
        self.segmented: list[int] = []

    def embed_many(self, images: Sequence[Image]) -> list[Embedding]:
        self.embedded.append(len(images))
        return [self.embed(image) for image in images]

    def segment_many(self, calls: Sequence[SegmentCall]) -> list[Masks]:
        self.segmented.append(len(calls))
        return super().segment_many(calls)


def image(number: int, size: tuple[int, int] = (60, 90)) -> Image:
    pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Image.from_array(pixels)


def run(number: int, prompt: str = "cat", size: tuple[int, int] = (60, 90), **fields: str) -> Run:
    request = SegmentRequest.model_validate({"text_prompt": prompt, "simplify": "never", **fields})
    return Run(request, lambda: image(number, size))


def outcome(run: Run) -> object:
    """Return what does not depend on time."""
    return run.result("a").model_dump(exclude={"timings_ms"})


def stepped(
    stages: Sequence[tuple[Role, object]], runs: list[Run], max_batch: int
) -> dict[Run, Step | EdgeSegError]:
    cache = EmbeddingCache()
    made: dict[Run, Step | EdgeSegError] = {}
    for role, engine in stages:
        waiting = [each for each in runs if each.needs(role)]
        made |= dict(step_many(role, engine, waiting, cache, max_batch))  # type: ignore[arg-type]
    return made


def test_batches_give_the_answers_of_requests_alone() -> None:
    sizes = [(60, 90), (60, 90), (1700, 400)]

    def runs() -> list[Run]:
        return [run(i, prompt, sizes[i % 3]) for i, prompt in enumerate(PROMPTS)]

    detector, segmenter = Detector(), Segmenter()
    alone, together = runs(), runs()
    stepped([("detect", FakeDetector()), ("segment", FakeSegmenter())], alone, 1)
    stepped([("detect", detector), ("segment", segmenter)], together, 4)
    assert [outcome(each) for each in together] == [outcome(each) for each in alone]
    assert detector.sizes[0] == 4
    assert segmenter.embedded[0] > 1
    assert segmenter.segmented[0] > 1


def test_embeddings_of_a_batch_are_there_for_a_request_alone() -> None:
    cache, segmenter = EmbeddingCache(), Segmenter()
    runs = [run(1), run(2)]
    stepped([("detect", Detector())], runs, 2)
    list(step_many("segment", segmenter, runs, cache, 2))
    assert cache.embed(segmenter, image(1)).size_hw == (60, 90)
    assert cache.hits > 0
    assert segmenter.embedded == [2]


def test_what_an_engine_cannot_bear_fails_alone() -> None:
    detector = Detector(poison="poison")
    runs = [run(i, "poison" if i == 5 else "cat") for i in range(8)]
    made = stepped([("detect", detector)], runs, 8)
    failed = [i for i, each in enumerate(runs) if isinstance(made[each], EdgeSegError)]
    assert failed == [5]
    error = made[runs[5]]
    assert isinstance(error, EdgeSegError)
    assert error.code == "stage_failed"
    assert detector.sizes == [8, 4, 4, 2, 1, 1, 2]


def test_a_batch_too_large_for_the_memory_is_halved() -> None:
    detector = Detector(fitting=3)
    runs = [run(i) for i in range(8)]
    made = stepped([("detect", detector)], runs, 8)
    assert all(isinstance(each, Step) for each in made.values())
    assert max(size for size in detector.sizes if size <= 3) == 2


def test_a_batch_that_did_not_fit_stays_halved() -> None:
    detector, size = Detector(fitting=5), BatchSize()
    for _ in range(2):
        list(step_many("detect", detector, [run(i) for i in range(8)], EmbeddingCache(), 8, size))
    assert detector.sizes == [8, 4, 4, 4, 4], "eight are tried once"


def test_batches_grow_again_with_care() -> None:
    size = BatchSize(patience=3)
    size.ran_out(8)
    assert size.within(8) == 4
    grown_after: list[int] = []
    for fits in (5, 5):
        batches = 0
        while (tried := size.within(8)) <= fits:
            size.ran(tried)
            size.ran(1)
            batches += 1
        size.ran_out(tried)
        grown_after.append(batches)
        assert size.within(8) == tried // 2 == 3
    # From four to five and six at three batches each; then from three on, six batches each.
    assert grown_after == [6, 18]
    for _ in range(100):
        size.ran(size.within(8))
    assert size.within(8) == 8


def test_what_is_no_lack_of_memory_shrinks_no_batch() -> None:
    size = BatchSize()
    list(
        step_many(
            "detect",
            Detector("poison"),
            [run(i, "poison") for i in range(4)],
            EmbeddingCache(),
            4,
            size,
        )
    )
    assert size.within(4) == 4


def test_a_broken_image_takes_nobody_with_it() -> None:
    def broken() -> Image:
        raise InvalidImageError("broken")

    runs = [run(i) for i in range(3)]
    runs[1].load_image = broken
    made = stepped([("detect", Detector())], runs, 8)
    assert isinstance(made[runs[1]], InvalidImageError)
    assert runs[1].error is made[runs[1]]
    assert all(isinstance(made[runs[i]], Step) for i in (0, 2))


def test_times_add_up_to_what_was_waited() -> None:
    engine = FakeDetector(EngineOptions(fake_latency_s=0.08, fake_item_latency_s=0.01))
    runs = [run(i) for i in range(4)]
    began = time.perf_counter()
    stepped([("detect", engine)], runs, 4)
    elapsed_ms = (time.perf_counter() - began) * 1000
    for each in runs:
        assert each.timings_ms["detect"] >= 30, "a quarter of 120"
        assert each.timings_ms["batch"] > each.timings_ms["detect"]
        assert 119 <= each.spent_ms <= elapsed_ms


@pytest.mark.parametrize(("item_latency_s", "answer"), [(None, False), (0.0, True)])
def test_engines_say_whether_they_answer_several(
    item_latency_s: float | None, answer: bool
) -> None:
    engine = FakeDetector(EngineOptions(fake_item_latency_s=item_latency_s))
    assert can_batch("detect", engine) is answer
    assert not can_batch("classify", engine)
