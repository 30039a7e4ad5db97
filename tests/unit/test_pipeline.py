"""The plan, and the pipeline in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import PIL.Image
import pytest

from edgeseg import EdgeSegAI, Segmentation
from edgeseg.codecs import load_image
from edgeseg.engines import registry
from edgeseg.engines.base import Engine
from edgeseg.engines.fake import FakeDetector, FakeSimplifier, fake_box
from edgeseg.errors import (
    EdgeSegError,
    EmptyPromptError,
    InvalidImageError,
    InvalidParameterError,
    NoImageError,
    StageFailedError,
    UnknownEngineError,
)
from edgeseg.schemas import (
    DetectedObject,
    DetectRequest,
    SegmentedObject,
    SegmentOptions,
    SegmentRequest,
    Simplification,
    SimplifyRequest,
    parse,
    plan,
)
from edgeseg.settings import Role, Settings
from edgeseg.stages import pass_through
from edgeseg.types import Image

FAKE = Settings(engines="fake")


@pytest.fixture
def ai() -> EdgeSegAI:
    return EdgeSegAI(settings=FAKE)


def segment_request(**fields: Any) -> SegmentRequest:
    return parse(SegmentRequest, {"text_prompt": "cat", **fields})


def test_plans() -> None:
    assert plan(SimplifyRequest(text_prompt="cat")) == ("simplify",)
    assert plan(DetectRequest(text_prompt="cat")) == ("simplify", "detect")
    assert plan(segment_request()) == ("simplify", "detect", "segment")
    assert plan(segment_request(simplify="never")) == ("detect", "segment")
    assert plan(segment_request(engines={"ground": "fake"})) == ("simplify", "ground")
    assert plan(segment_request(), "fake") == ("simplify", "ground")
    choice = {"detect": "fake"}
    assert plan(segment_request(engines=choice), "fake") == ("simplify", "detect", "segment")


def test_one_image(ai: EdgeSegAI, chelsea: Path) -> None:
    made = ai.segment_image(chelsea, "cat . dog .")
    assert made.simplified_prompt == "cat . dog ."
    image = load_image(chelsea)
    wanted = {name: fake_box(image, name)[0] for name in ("cat", "dog")}
    assert {each.label for each in made.objects} == set(wanted)
    for each in made.objects:
        assert each.box == pytest.approx(wanted[each.label], abs=0.01)
    assert made.segmentation_mask.shape == (300, 451)
    assert made.segmentation_mask.dtype == bool
    assert {role: row.name for role, row in made.result.engines.items()} == {
        "simplify": "fake",
        "detect": "fake",
        "segment": "fake",
    }
    timings = made.result.timings_ms
    assert set(timings) == {"decode", "load", "simplify", "detect", "segment", "total"}
    assert timings["total"] == pytest.approx(sum(timings.values()) - timings["total"], abs=0.01)


def test_every_kind_of_image_gives_the_same_boxes(ai: EdgeSegAI, chelsea: Path) -> None:
    pixels = load_image(chelsea).rgb
    with PIL.Image.open(chelsea) as pil_image:
        same = [ai.segment_image(image=each, prompt="cat") for each in (pixels, pil_image.copy())]
    assert same[0].objects == same[1].objects
    named = [ai.segment_image(image_path=each, prompt="cat") for each in (str(chelsea), chelsea)]
    assert named[0].objects == named[1].objects


def test_a_grounder_does_both_in_one_step(chelsea: Path) -> None:
    made = EdgeSegAI("fake", grounder="fake").segment_image(chelsea, "cat")
    assert set(made.result.engines) == {"simplify", "ground"}
    assert made.objects[0].area > 0


def test_nothing_found_is_an_answer(ai: EdgeSegAI, chelsea: Path) -> None:
    made = ai.segment_image(chelsea, "cat", box_threshold=1)
    assert made.objects == []
    assert made.result.status == "done"
    assert "segment" not in made.result.engines
    assert made.segmentation_mask.shape == (300, 451)
    assert not made.segmentation_mask.any()


def test_many_images_load_each_engine_once_and_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch, chelsea: Path, photo_folder: Path
) -> None:
    log: list[str] = []
    load = registry.load

    def noted(role: Role, name: str, options: Any) -> Engine:
        engine = load(role, name, options)
        close = engine.close
        log.append(f"load {role}")

        def noted_close() -> None:
            log.append(f"close {role}")
            close()

        monkeypatch.setattr(engine, "close", noted_close)
        return engine

    ai = EdgeSegAI(settings=FAKE)
    monkeypatch.setattr(ai.residency, "_load", noted)
    steps: list[tuple[str, int, int]] = []
    found = ai.segment_images(
        [chelsea, photo_folder / "coffee.png"],
        ["cat", "cup"],
        progress=lambda *step: steps.append(step),
    )
    assert [each.objects[0].label for each in found] == ["cat", "cup"]
    assert log == [f"{verb} {role}" for role in ("simplify", "detect", "segment")
                   for verb in ("load", "close")]  # fmt: skip
    assert steps == [
        (role, done, 2) for role in ("simplify", "detect", "segment") for done in (1, 2)
    ]
    alone = ai.segment_image(chelsea, "cat")
    assert alone.objects == found[0].objects


def test_a_bad_image_among_many(ai: EdgeSegAI, chelsea: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    rows = ai.segment_images([bad, chelsea], "cat", return_errors=True)
    assert isinstance(rows[0], EdgeSegError)
    assert isinstance(rows[1], Segmentation)
    assert rows[0].code == "invalid_image"
    with pytest.raises(EdgeSegError, match="not a valid image"):
        ai.segment_images([chelsea, bad], "cat")
    assert ai.residency.loaded() == []


def test_a_simplifier_sees_the_image_if_it_looks(
    ai: EdgeSegAI, chelsea: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Image | None] = []

    def look(self: FakeSimplifier, prompt: str, image: Image | None = None) -> Simplification:
        seen.append(image)
        return pass_through(prompt)

    monkeypatch.setattr(FakeSimplifier, "simplify", look)
    ai.segment_image(chelsea, "cat")
    monkeypatch.setattr(FakeSimplifier, "accepts_image", True, raising=False)
    ai.segment_image(chelsea, "cat")
    assert [image and image.size_hw for image in seen] == [None, (300, 451)]


def test_what_a_library_raises_becomes_an_error_of_ours(
    ai: EdgeSegAI, chelsea: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of sorts")

    monkeypatch.setattr(FakeDetector, "detect", fail)
    with pytest.raises(StageFailedError, match=r"'fake' failed to detect: .*out of sorts"):
        ai.segment_image(chelsea, "cat")
    rows = ai.segment_images([chelsea], "cat", return_errors=True)
    assert isinstance(rows[0], StageFailedError)


def test_a_source_that_is_no_image_is_not_blamed_on_the_engine(ai: EdgeSegAI) -> None:
    sources: list[Any] = [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 7), np.uint8), 3]
    rows = ai.segment_images(sources, "cat", return_errors=True)
    assert [type(row) for row in rows] == [Segmentation, InvalidImageError, InvalidImageError]
    assert "got shape (4, 4, 7)" in str(rows[1])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"prompt": "cat"}, NoImageError),
        ({"image": np.zeros((4, 4, 3), np.uint8), "prompt": " "}, EmptyPromptError),
        (
            {"image": np.zeros((4, 4, 3), np.uint8), "prompt": "a", "max_objects": 0},
            InvalidParameterError,
        ),
        ({"image": np.zeros((4, 4, 3), np.uint8), "prompt": None}, InvalidParameterError),
    ],
)
def test_bad_input(ai: EdgeSegAI, arguments: dict[str, Any], expected: type[EdgeSegError]) -> None:
    with pytest.raises(expected):
        ai.segment_image(**arguments)
    assert ai.residency.loaded() == []


def test_an_unknown_engine_is_an_error_at_once() -> None:
    with pytest.raises(UnknownEngineError, match="yolo"):
        EdgeSegAI(detector="yolo")


def test_prompts_must_be_as_many_as_images(ai: EdgeSegAI, chelsea: Path) -> None:
    with pytest.raises(ValueError, match="expected 1 prompts, got 2"):
        ai.segment_images([chelsea], ["a", "b"])
    assert ai.segment_images([], "cat") == []


def test_refining_returns_a_new_result(ai: EdgeSegAI, chelsea: Path) -> None:
    made = ai.segment_image(chelsea, "cat")
    corrected = ai.refine(made, object_id=0, points=[{"x": 5, "y": 5}])
    assert corrected.mask_of(0)[5, 5]
    assert not made.mask_of(0)[5, 5]
    added = ai.refine(corrected, points=[{"x": 440, "y": 290}], label="corner")
    assert [each.label for each in added.objects] == ["cat", "corner"]


def test_options_that_are_none_are_those_not_given(ai: EdgeSegAI, chelsea: Path) -> None:
    given = dict.fromkeys(("class_thresholds", "filters", "negative_prompt", "max_objects"))
    found = ai.segment_image(chelsea, "cat", **cast(SegmentOptions, given))
    assert found.objects == ai.segment_image(chelsea, "cat").objects


def test_boxes_are_those_of_the_masks(ai: EdgeSegAI, chelsea: Path) -> None:
    boxes = ai.detect(chelsea, "cat . dog .", box_threshold=0.4).objects
    masks = ai.segment_image(chelsea, "cat . dog .", box_threshold=0.4).objects
    assert boxes == [DetectedObject.model_validate(_box_of(each)) for each in masks]


def _box_of(segmented: SegmentedObject) -> dict[str, Any]:
    return segmented.model_dump(include=set(DetectedObject.model_fields))


def test_exports_are_those_of_the_results(ai: EdgeSegAI, chelsea: Path) -> None:
    found = ai.segment_image(chelsea, "cat")
    assert ai.export(found, "coco") == found.export("coco")
    assert ai.export([found], "coco", file_name="b/a.png") == found.export(
        "coco", file_name="b/a.png"
    )
    with pytest.raises(InvalidParameterError, match="a name for each of 1 results, got 2"):
        ai.export(found, "coco", file_name=["a.png", "b.png"])


def test_simplify(ai: EdgeSegAI) -> None:
    assert ai.simplify("cat . dog").phrases == ["cat", "dog"]


def test_the_ttl_keeps_engines(chelsea: Path) -> None:
    with EdgeSegAI(settings=FAKE, ttl=-1) as ai:
        ai.segment_image(chelsea, "cat")
        assert len(ai.residency.loaded()) == 3
    assert ai.residency.loaded() == []
