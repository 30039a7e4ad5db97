"""One text and several images through the stages, in process."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg import EdgeSegAI
from edgeseg.engines.fake import FakeDetector, FakeEmbedder, FakeExtractor, FakeSegmenter
from edgeseg.entity_run import EntitiesRun
from edgeseg.errors import InputError, InvalidImageError, NoEntityError, StageFailedError
from edgeseg.schemas import EngineRan, EntitiesRequest, EntityExtraction
from edgeseg.types import Image, ImageStep


def image(seed: int) -> Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)
    return Image.from_array(pixels)


def broken() -> Image:
    raise InvalidImageError("It is broken.")


class Looking(FakeExtractor):
    """An extractor that is shown the generated image, and notes it."""

    accepts_image = True

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Image | None] = []

    def extract(self, text: str, image: Image | None = None) -> EntityExtraction:
        self.shown.append(image)
        return super().extract(text, image)


def test_an_extractor_that_looks_is_shown_the_generated_image() -> None:
    first, last = image(1), image(2)
    looking = Looking()
    run = EntitiesRun(EntitiesRequest(text_prompt="dog"), loaders=[lambda: first, lambda: last])
    run.step("extract", looking)
    assert looking.shown == [last]
    assert "decode" in run.timings_ms


def test_a_broken_generated_image_does_not_keep_the_text_from_being_read() -> None:
    looking = Looking()
    run = EntitiesRun(EntitiesRequest(text_prompt="dog"), loaders=[lambda: image(1), broken])
    run.step("extract", looking)
    assert looking.shown == [None]
    assert run.extraction is not None


class Leaving(FakeExtractor):
    """An extractor that leaves the text to another, as language models do that fail."""

    def extract(self, text: str, image: Image | None = None) -> EntityExtraction:
        other = EngineRan(name="rules", device="cpu", dtype="float32")
        return super().extract(text, image).model_copy(update={"engine": other})


def test_engines_name_what_really_read_the_text() -> None:
    for engine, name in ((FakeExtractor(), "fake"), (Leaving(), "rules")):
        run = EntitiesRun(EntitiesRequest(text_prompt="dog"), loaders=[lambda: image(1)])
        run.step("extract", engine)
        assert run.engines["extract"].name == name


def test_images_that_are_alike_are_told_apart() -> None:
    """One source, three times: steps name the right image, by its place and not by its value."""
    same = image(1)

    def load() -> Image:
        return same

    steps: list[ImageStep] = []
    run = EntitiesRun(
        EntitiesRequest(text_prompt="dog"),
        loaders=[load] * 3,
        names=["a", "b", "c"],
        image_done=steps.append,
    )
    run.step("extract", FakeExtractor())
    run.step("detect", FakeDetector())
    run.step("segment", FakeSegmenter())
    run.step("embed", FakeEmbedder())
    assert [each.image for each in steps] == ["a", "b", "c"] * 3


def test_a_failing_extractor_is_the_engine_s_failure() -> None:
    closed = FakeExtractor()
    closed.close()
    run = EntitiesRun(EntitiesRequest(text_prompt="dog"), loaders=[lambda: image(1)])
    with pytest.raises(StageFailedError):
        run.step("extract", closed)


def test_excluded_terms_take_their_relations_with_them() -> None:
    with EdgeSegAI("fake", "fake", "fake", embedder="fake") as ai:
        made = ai.segment_entities(
            "a dog on a sofa next to a lamp", (), image(1), excluded_terms=["Sofa "]
        ).result
        assert [each.label for each in made.entities] == ["dog", "lamp"]
        assert made.relations == []
        with pytest.raises(NoEntityError):
            ai.segment_entities("a dog", (), image(1), excluded_terms=["dog"])


def test_each_engine_is_loaded_once_for_all_images() -> None:
    steps: list[ImageStep] = []
    with EdgeSegAI("fake", "fake", "fake", extractor="fake", embedder="fake") as ai:
        found = ai.segment_entities(
            "dog. sofa", [image(1), image(2)], image(3), progress=steps.append
        )
        assert ai.residency.loaded() == []
    assert [each.stage for each in steps] == ["detect"] * 3 + ["segment"] * 3 + ["embed"] * 3
    assert len(found.segmentations()) == 3
    total = found.result.timings_ms["total"]
    parts = {**found.result.timings_ms}
    del parts["total"]
    assert total == pytest.approx(sum(parts.values()), abs=0.01)


def test_an_image_that_shows_nothing_is_no_error() -> None:
    with EdgeSegAI("fake", "fake", "fake", extractor="fake", embedder="fake") as ai:
        found = ai.segment_entities("dog", [image(1)], image(2), box_threshold=1.0)
    assert found.result.generated.objects == []
    assert found.judgement is not None
    assert found.judgement.missing == ["dog"]
    assert found.judgement.total == 0


def test_every_image_failing_is_the_first_one_s_error() -> None:
    with (
        EdgeSegAI("fake", "fake", "fake", extractor="fake", embedder="fake") as ai,
        pytest.raises(InputError),
    ):
        ai.segment_entities("dog", [b"no"], b"none")
