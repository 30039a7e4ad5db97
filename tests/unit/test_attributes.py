"""Colours and relations of prompts, checked on what any detector finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from edgeseg import detected
from edgeseg.engines.fake import FakeSegmenter
from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.run import Run
from edgeseg.schemas import DetectRequest, Filter, SegmentRequest, parse
from edgeseg.types import Detections, Embedding, Image, MaskPrompt, Masks

Row = tuple[str, tuple[int, int, int, int]]
RED, BLUE, GREEN, WHITE, GREY = (
    (200, 20, 30),
    (30, 60, 200),
    (30, 150, 50),
    (245, 245, 245),
    (128, 128, 128),
)
NANO = NanoSimplifier()


class Detector:
    """Finds boxes by the nouns that they are asked by, whatever adjectives there are."""

    name, device, dtype = "scripted", "cpu", "float32"

    def __init__(self, *rows: Row) -> None:
        self.rows, self.asked = rows, list[str]()

    def close(self) -> None:
        self.rows = ()

    def detect(
        self, image: Image, phrases: Sequence[str], *, box_threshold: float, text_threshold: float
    ) -> Detections:
        self.asked = list(phrases)
        found = [(p, box) for p in phrases for noun, box in self.rows if p.split()[-1] == noun]
        boxes = np.array([box for _, box in found], np.float32).reshape(-1, 4)
        scores = np.linspace(0.9, 0.6, len(found), dtype=np.float32)
        return Detections(boxes, scores, tuple(phrase for phrase, _ in found))


class Discs(FakeSegmenter):
    """Masks are the left half of each box: what a box holds is not all of the object."""

    def segment(self, embedding: Embedding, prompts: Sequence[MaskPrompt]) -> Masks:
        masks = np.zeros((len(prompts), *embedding.size_hw), np.bool_)
        for mask, prompt in zip(masks, prompts, strict=True):
            assert prompt.box_xyxy is not None
            x0, y0, x1, y1 = map(int, prompt.box_xyxy)
            mask[y0:y1, x0 : (x0 + x1) // 2] = True
        return Masks(masks, np.ones(len(prompts), np.float32))


def scene(*painted: tuple[tuple[int, int, int, int], tuple[int, int, int]]) -> Image:
    rgb = np.full((200, 300, 3), WHITE, np.uint8)
    for (x0, y0, x1, y1), colour in painted:
        rgb[y0:y1, x0:x1] = colour
    return Image.from_array(rgb)


def answer(
    prompt: str, detector: Detector, image: Image, kind: Any = SegmentRequest, **fields: Any
) -> Any:
    """Run a prompt; between detection and segmentation only what workers write is handed on."""
    request = parse(kind, {"text_prompt": prompt, "box_threshold": 0.3, **fields})
    run = Run(request, lambda: image)
    run.step("simplify", NANO)
    run.step("detect", detector)
    if not run.is_finished:
        rows = detected.detected_objects(run.detections)
        run = Run(request, lambda: image, run.simplification, detected.detections_of(rows))
        run.step("segment", Discs())
    return run.result("one")


def boxes(result: Any) -> list[tuple[float, ...]]:
    return [each.box for each in result.objects]


LEFT, MIDDLE, RIGHT = (10, 50, 70, 110), (110, 50, 170, 110), (220, 50, 280, 110)


@pytest.mark.parametrize("kind", [SegmentRequest, DetectRequest])
def test_a_colour_is_that_of_the_object_and_what_fails_is_said(kind: Any) -> None:
    image = scene((LEFT, RED), (RIGHT, BLUE))
    result = answer("the blue cup", Detector(("cup", LEFT), ("cup", RIGHT)), image, kind)
    assert boxes(result) == [RIGHT]
    assert [each.label for each in result.objects] == ["blue cup"]
    assert [each.id for each in result.objects] == [0]
    assert any("1 of 2" in each and "not blue" in each for each in result.warnings)


def test_a_colour_is_read_in_the_mask_and_not_beside_it() -> None:
    half = (LEFT[0], LEFT[1], (LEFT[0] + LEFT[2]) // 2, LEFT[3])
    image = scene((LEFT, RED), (half, BLUE), (RIGHT, RED))
    detector = Detector(("cup", LEFT), ("cup", RIGHT))
    assert boxes(answer("blue cup", detector, image)) == [LEFT]
    # The red of the other half lies outside the mask.
    assert boxes(answer("red cup", detector, image)) == [RIGHT]


@pytest.mark.parametrize("kind", [SegmentRequest, DetectRequest])
def test_what_is_left_out_by_its_colour_is_said(kind: Any) -> None:
    image = scene((LEFT, RED), (MIDDLE, BLUE), (RIGHT, GREEN))
    detector = Detector(("cups", LEFT), ("cups", MIDDLE), ("cups", RIGHT))
    result = answer("all cups without the red one", detector, image, kind)
    assert boxes(result) == [MIDDLE, RIGHT]
    assert result.warnings == ["1 of 3 objects named “cups” is left out: red."]


def test_positions_choose_among_what_has_the_colour() -> None:
    image = scene((LEFT, RED), (MIDDLE, BLUE), (RIGHT, BLUE))
    detector = Detector(("cup", LEFT), ("cup", MIDDLE), ("cup", RIGHT))
    assert boxes(answer("the leftmost blue cup", detector, image)) == [MIDDLE]


@pytest.mark.parametrize(("shade", "box"), [("light", LEFT), ("dark", RIGHT)])
def test_light_and_dark_tell_shades_apart(shade: str, box: tuple[int, ...]) -> None:
    image = scene((LEFT, (149, 208, 252)), (RIGHT, (0, 20, 110)))
    detector = Detector(("cup", LEFT), ("cup", RIGHT))
    assert boxes(answer(f"{shade} blue cup", detector, image)) == [box]


def test_the_colour_of_a_part_is_that_of_the_part_inside_its_owner() -> None:
    one, two = (10, 10, 90, 190), (150, 10, 230, 190)
    red_shirt, green_shirt = (20, 60, 80, 110), (160, 60, 220, 110)
    image = scene((one, GREY), (two, RED), (red_shirt, RED), (green_shirt, GREEN))
    detector = Detector(
        ("person", one), ("person", two), ("shirt", red_shirt), ("shirt", green_shirt)
    )
    result = answer("person with red shirt", detector, image)
    # The other person's own box is red all over, and has another shirt.
    assert boxes(result) == [one]
    assert detector.asked == ["person", "red shirt"]
    assert [each.label for each in result.objects] == ["person with red shirt"]


def test_a_belonging_counts_for_one_owner() -> None:
    one, two = (10, 10, 110, 190), (60, 10, 200, 190)
    helmet = (20, 10, 50, 40)
    detector = Detector(("person", one), ("person", two), ("helmet", helmet))
    image = scene()
    assert boxes(answer("person wearing a helmet", detector, image)) == [one]
    assert boxes(answer("person without helmet", detector, image)) == [two]


def test_without_keeps_all_where_there_is_none() -> None:
    result = answer("person without helmet", Detector(("person", LEFT)), scene())
    assert boxes(result) == [LEFT]
    assert result.warnings == []


def test_what_cannot_be_checked_stays_and_is_said() -> None:
    result = answer("cup on the table", Detector(("cup", LEFT)), scene())
    assert boxes(result) == [LEFT]
    assert any("No “table” was found" in each for each in result.warnings)


RELATIONS = {
    "cup on the table": ((20, 60, 50, 105), (200, 10, 230, 50), ("table", (0, 95, 120, 190))),
    "cat under the table": ((40, 140, 80, 180), (200, 140, 240, 180), ("table", (0, 60, 120, 190))),
    "ball in the box": ((30, 60, 60, 90), (200, 60, 230, 90), ("box", (10, 50, 90, 120))),
    "man behind the car": ((60, 20, 90, 100), (60, 60, 95, 195), ("car", (50, 60, 150, 150))),
    "man in front of the car": ((60, 60, 95, 195), (60, 20, 90, 100), ("car", (50, 60, 150, 150))),
    "cup left of the plate": ((10, 60, 40, 90), (200, 60, 230, 90), ("plate", (100, 60, 150, 90))),
    "cup right of the plate": ((200, 60, 230, 90), (10, 60, 40, 90), ("plate", (100, 60, 150, 90))),
    "dogs next to the tree": ((10, 60, 50, 110), (200, 60, 240, 110), ("tree", (60, 20, 100, 120))),
    "man holding a phone": ((10, 60, 60, 190), (200, 60, 250, 190), ("phone", (30, 50, 66, 80))),
}  # fmt: skip


@pytest.mark.parametrize("kind", [SegmentRequest, DetectRequest])
@pytest.mark.parametrize("prompt", RELATIONS)
def test_relations_choose_by_boxes_and_masks(prompt: str, kind: Any) -> None:
    right, wrong, other = RELATIONS[prompt]
    noun = prompt.split()[0]
    detector = Detector((noun, right), (noun, wrong), other)
    assert boxes(answer(prompt, detector, scene(), kind)) == [right]


def test_a_definite_thing_next_to_another_is_the_nearest() -> None:
    near, less, tree = (50, 60, 90, 110), (160, 60, 200, 110), ("tree", (100, 20, 140, 120))
    detector = Detector(("dog", less), ("dog", near), tree)
    assert boxes(answer("the dog next to the tree", detector, scene())) == [near]
    detector = Detector(("dogs", near), ("dogs", less), tree)
    assert boxes(answer("dogs next to the tree", detector, scene())) == [near, less]


def test_filters_come_back_edited() -> None:
    image = scene((LEFT, RED), (RIGHT, BLUE))
    detector = Detector(("cup", LEFT), ("cup", RIGHT))
    edited = [{"kind": "colour", "phrase": "cup", "colour": "blue", "negated": True}]
    result = answer("cup", detector, image, simplify="never", filters=edited)
    assert boxes(result) == [LEFT]
    assert result.filters == [Filter(kind="colour", phrase="cup", colour="blue", negated=True)]


def test_a_prompt_that_is_never_simplified_is_not_checked() -> None:
    image = scene((LEFT, RED), (RIGHT, BLUE))
    result = answer("blue cup", Detector(("cup", LEFT), ("cup", RIGHT)), image, simplify="never")
    assert boxes(result) == [LEFT, RIGHT]
    assert result.filters == []


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "colour"},
        {"kind": "colour", "colour": "mauve"},
        {"kind": "relation", "other": "table"},
        {"kind": "relation", "relation": "on"},
    ],
)
def test_half_a_filter_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"colour|relation"):
        Filter.model_validate(fields)


def test_the_number_of_objects_is_limited_after_the_checks() -> None:
    image = scene((LEFT, RED), (MIDDLE, BLUE), (RIGHT, BLUE))
    detector = Detector(("cup", LEFT), ("cup", MIDDLE), ("cup", RIGHT))
    assert boxes(answer("blue cup", detector, image, max_objects=1)) == [MIDDLE]
