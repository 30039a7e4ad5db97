"""Stages: what each makes of an engine's answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from edgeseg import detected, stages
from edgeseg.codecs import rle_to_mask
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.engines.fake import FakeGrounder, FakeSegmenter, FakeSimplifier
from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.errors import EngineUnavailableError, InvalidParameterError, UnknownObjectError
from edgeseg.language.phrases import join_phrases, split_phrases
from edgeseg.schemas import (
    DetectRequest,
    Filter,
    RefineRequest,
    Simplification,
    SimplifyMode,
    parse,
)
from edgeseg.types import Detections, Embedding, Image

IMAGE = Image.from_array(np.full((60, 80, 3), 9, np.uint8))


def request(**fields: Any) -> DetectRequest:
    return parse(DetectRequest, {"text_prompt": "cat . dog", **fields})


class Scripted:
    """A detector that answers as it is told, and remembers what it was asked."""

    name, device, dtype = "scripted", "cpu", "float32"

    def __init__(self, *rows: tuple[tuple[float, float, float, float], float, str]) -> None:
        self.rows = rows
        self.asked: list[str] = []
        self.least = -1.0

    def close(self) -> None:
        self.rows = ()

    def detect(
        self, image: Image, phrases: Sequence[str], *, box_threshold: float, text_threshold: float
    ) -> Detections:
        self.asked = list(phrases)
        self.least = box_threshold
        return Detections(
            np.array([row[0] for row in self.rows], np.float32).reshape(-1, 4),
            np.array([row[1] for row in self.rows], np.float32),
            tuple(row[2] for row in self.rows),
        )


class Broken(FakeSimplifier):
    """A simplifier that cannot be reached."""

    def simplify(self, prompt: str, image: Image | None = None) -> Simplification:
        raise EngineUnavailableError("The language model is away.")


def test_phrases_are_split_at_dots_and_kept_once() -> None:
    assert split_phrases(" Cat .  small   dog, .. cat . ") == ["Cat", "small dog"]
    assert join_phrases(["cat", "dog"]) == "cat . dog"
    assert join_phrases([]) == ""


@pytest.mark.parametrize("simplify", ["auto", "never"])
@pytest.mark.parametrize(
    ("prompt", "phrases"),
    [
        ("cat.dog", ["cat", "dog"]),
        ("dr. martens boots . U.S. flag", ["dr. martens boots", "U.S. flag"]),
        ("3.5 mm jack . photo.jpg", ["3.5 mm jack", "photo.jpg"]),
        ("\u732b.\u72ac\u3002\u9ce5. \u9b5a", ["\u732b", "\u72ac", "\u9ce5", "\u9b5a"]),
        ("Cat . cat", ["Cat"]),
        ("\u2605", ["\u2605"]),
    ],
)
def test_one_way_to_split_a_prompt(simplify: SimplifyMode, prompt: str, phrases: list[str]) -> None:
    wanted = request(text_prompt=prompt, simplify=simplify)
    for engine in (FakeSimplifier(), NanoSimplifier()):
        made = stages.simplify(engine, wanted)
        assert made.phrases == phrases
        assert made.simplified_prompt == (join_phrases(phrases) if made.changed else prompt)


def test_simplifying_can_be_switched_off() -> None:
    made = stages.simplify(Broken(), request(simplify="never"))
    assert made.phrases == ["cat", "dog"]
    assert not made.changed


def test_a_simplifier_that_fails_leaves_the_prompt_as_it_is() -> None:
    made = stages.simplify(Broken(), request())
    assert made.phrases == ["cat", "dog"]
    assert made.warnings == ["The prompt was not simplified: The language model is away."]
    with pytest.raises(EngineUnavailableError):
        stages.simplify(Broken(), request(simplify="always"))


def test_negative_phrases_are_asked_for_and_dropped() -> None:
    engine = Scripted(
        ((0, 0, 10, 10), 0.5, "cat"),
        ((0, 0, 10, 10), 0.6, "toy"),
        ((30, 0, 40, 10), 0.5, "dog"),
    )
    asked = request(negative_prompt="toy . CAT .")
    found = stages.detect(engine, IMAGE, asked, stages.pass_through("cat . dog"))
    assert engine.asked == ["cat", "dog", "toy"]
    assert found.labels == ("dog",)


def test_the_engine_is_asked_for_the_lowest_threshold() -> None:
    engine = Scripted(((0, 0, 10, 10), 0.3, "cat"), ((30, 0, 40, 10), 0.3, "dog"))
    asked = request(box_threshold=0.5, class_thresholds={"dog": 0.2})
    found = stages.detect(engine, IMAGE, asked, stages.pass_through("cat . dog"))
    assert engine.least == 0.2
    assert found.labels == ("dog",)


def test_filters_of_the_request_replace_those_of_the_prompt() -> None:
    chosen = [{"kind": "largest"}]
    for mode in ("auto", "always", "never"):
        made = stages.simplify(FakeSimplifier(), request(simplify=mode, filters=chosen))
        assert [each.kind for each in made.filters] == ["largest"], mode
        assert made.phrases == ["cat", "dog"]
    assert stages.as_it_is(request()).filters == []


def test_filters_choose_before_the_number_is_limited() -> None:
    engine = Scripted(
        ((40, 0, 50, 10), 0.9, "cat"), ((0, 0, 10, 10), 0.4, "cat"), ((60, 0, 70, 9), 0.8, "dog")
    )
    simplification = stages.pass_through("cat . dog").model_copy(
        update={"filters": [Filter(kind="leftmost", phrase="cat")]}
    )
    found = stages.detect(engine, IMAGE, request(), simplification)
    assert sorted(zip(found.labels, found.boxes_xyxy[:, 0].tolist(), strict=True)) == [
        ("cat", 0.0),
        ("dog", 60.0),
    ]
    first = stages.detect(engine, IMAGE, request(max_objects=1), simplification)
    assert first.labels == ("dog",)


def test_alternatives_find_one_thing_once() -> None:
    engine = Scripted(((0, 0, 20, 20), 0.6, "cat"), ((0, 0, 20, 28), 0.5, "dog"))
    named = stages.pass_through("cat . dog")
    needed = named.model_copy(update={"alternatives": ["cat", "dog"]})
    assert stages.detect(engine, IMAGE, request(), named).labels == ("cat", "dog")
    assert stages.detect(engine, IMAGE, request(), needed).labels == ("cat",)


def excluding(phrase: str, *inner: Filter) -> Simplification:
    return stages.pass_through("fruit . apple").model_copy(
        update={"filters": [Filter(kind="exclude", phrase=phrase, filters=list(inner))]}
    )


FRUIT = (
    ((0, 0, 20, 20), 0.9, "fruit"),
    ((1, 0, 20, 19), 0.7, "apple"),
    ((40, 0, 60, 20), 0.8, "fruit"),
    ((40, 1, 59, 20), 0.4, "apple"),
)


def test_fruit_that_is_an_apple_is_left_out_but_a_pear_that_looks_like_one_stays() -> None:
    found = stages.detect(Scripted(*FRUIT), IMAGE, request(), excluding("apple"))
    assert [(label, box[0]) for label, box in zip(found.labels, found.boxes_xyxy, strict=True)] == [
        ("fruit", 40)
    ]


def test_one_apple_is_left_out_by_its_place() -> None:
    rows = (*FRUIT[:2], ((40, 0, 60, 20), 0.8, "apple"), ((40, 1, 59, 20), 0.75, "fruit"))
    chosen = excluding("apple", Filter(kind="leftmost", phrase="apple"))
    found = stages.detect(Scripted(*rows), IMAGE, request(), chosen)
    assert found.boxes_xyxy[:, 0].tolist() == [40]


def test_leaving_out_one_of_the_same_phrase_leaves_the_others() -> None:
    rows = [((x, 0, x + 20, 20), 0.9, "fruit") for x in (0.0, 6.0, 40.0)]
    chosen = excluding("fruit", Filter(kind="leftmost", phrase="fruit"))
    found = stages.detect(Scripted(*rows), IMAGE, request(), chosen)
    assert sorted(found.boxes_xyxy[:, 0].tolist()) == [6, 40]


def test_no_boxes_never_reach_the_segmenter() -> None:
    class Untouchable(FakeSegmenter):
        def embed(self, image: Image) -> Embedding:
            raise AssertionError

    assert stages.segment(Untouchable(), IMAGE, Detections.empty()) == []


def test_objects_have_masks_in_the_image_and_numbers_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [((x, 5, x + 10, 15), 0.9 - x / 100, "cat") for x in (0.0, 20.0, 40.0)]
    found = stages.detect(Scripted(*rows), IMAGE, request(), stages.pass_through("cat"))
    whole = stages.segment(FakeSegmenter(), IMAGE, found)
    assert [each.id for each in whole] == [0, 1, 2]
    assert [each.box for each in whole] == [row[0] for row in rows]
    mask = rle_to_mask(whole[1].mask)
    assert mask.shape == (60, 80)
    assert mask.sum() == whole[1].area
    assert mask[10, 25]
    monkeypatch.setattr(stages, "_PIXELS_AT_ONCE", 60 * 80)
    assert stages.segment(FakeSegmenter(), IMAGE, found) == whole


def test_detections_travel_as_json_and_back() -> None:
    found = Scripted(((0.5, 1, 10, 15), 0.7, "cat")).detect(
        IMAGE, ["cat"], box_threshold=0, text_threshold=0
    )
    again = detected.detections_of(detected.detected_objects(found))
    assert np.array_equal(again.boxes_xyxy, found.boxes_xyxy)
    assert np.allclose(again.scores, found.scores)
    assert again.labels == found.labels
    assert len(detected.detections_of([])) == 0


def test_grounding_keeps_each_box_with_its_mask() -> None:
    class Outside(FakeGrounder):
        """Adds a box that reaches over the edge, and one beyond it, first."""

        def ground(self, image: Image, phrases: Sequence[str], **thresholds: Any) -> Any:
            boxes = np.array([[-90, 0, -80, 9], [60, 20, 99, 50], [0, 0, 20, 20]], np.float32)
            found = Detections(boxes, np.array([0.9, 0.5, 0.8], np.float32), ("cat", "dog", "cat"))
            masks = np.zeros((3, 60, 80), bool)
            masks[1, 20:50, 60:80] = True
            masks[2, :20, :20] = True
            return found, type("Masks", (), {"masks": masks})

    made = stages.ground(Outside(), IMAGE, request(), stages.pass_through("cat . dog"))
    assert [(each.id, each.label, each.area) for each in made] == [(0, "cat", 400), (1, "dog", 600)]
    assert made[1].box == (60, 20, 80, 50)


def test_the_fake_grounder_agrees_with_the_fake_detector_and_segmenter() -> None:
    made = stages.ground(FakeGrounder(), IMAGE, request(), stages.pass_through("cat . dog"))
    assert {each.label for each in made} == {"cat", "dog"}
    assert all(each.area > 0 for each in made)


def refined(fields: dict[str, Any], cache: EmbeddingCache | None = None) -> Any:
    rows = [((0, 5, 10, 15), 0.9, "cat"), ((40, 5, 50, 15), 0.8, "cat")]
    found = stages.detect(Scripted(*rows), IMAGE, request(), stages.pass_through("cat"))
    objects = stages.segment(FakeSegmenter(), IMAGE, found)
    wanted = parse(RefineRequest, fields)
    return stages.refine(FakeSegmenter(), IMAGE, wanted, objects, cache), objects


def test_a_point_corrects_an_object() -> None:
    made, objects = refined({"object_id": 1, "points": [{"x": 70, "y": 30}]})
    before, after = rle_to_mask(objects[1].mask), rle_to_mask(made.mask)
    assert (made.id, made.label, made.score) == (1, "cat", objects[1].score)
    assert after[30, 70]
    assert not before[30, 70]
    assert (after & before).sum() == before.sum()
    assert made.area == after.sum()
    assert made.box[2] > objects[1].box[2]


def test_a_point_makes_a_new_object() -> None:
    made, _ = refined({"points": [{"x": 70, "y": 30}], "label": "spot"})
    assert (made.id, made.label) == (2, "spot")
    assert rle_to_mask(made.mask)[30, 70]


def test_a_new_box_replaces_the_old_mask() -> None:
    made, _ = refined({"object_id": 0, "box": (60, 40, 80, 60)})
    mask = rle_to_mask(made.mask)
    assert mask[50, 70]
    assert not mask[:40].any()


def test_an_object_that_was_erased_keeps_its_box() -> None:
    made, objects = refined({"object_id": 0, "points": [{"x": 5, "y": 10, "label": 0}]})
    assert made.area == 0
    assert made.box == objects[0].box


def test_what_cannot_be_refined() -> None:
    with pytest.raises(UnknownObjectError, match="no object 7"):
        refined({"object_id": 7, "points": [{"x": 1, "y": 1}]})
    with pytest.raises(InvalidParameterError, match="outside the image of 80x60"):
        refined({"points": [{"x": 81, "y": 1}]})
    with pytest.raises(InvalidParameterError, match="outside"):
        refined({"box": (0, 0, 10, 61)})


def test_refining_takes_the_embedding_from_the_cache() -> None:
    cache = EmbeddingCache()
    refined({"points": [{"x": 1, "y": 1}]}, cache)
    refined({"points": [{"x": 2, "y": 2}]}, cache)
    assert (cache.hits, cache.misses) == (1, 1)
