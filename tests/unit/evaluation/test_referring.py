"""Referring prompts: only what annotations leave no doubt of is asked and judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.evaluation.data import Instance, LabelledImage
from edgeseg.evaluation.referring import counts_by_kind, evaluate_referring, referring_prompts
from edgeseg.evaluation.true_objects import names
from edgeseg.types import Box, Detections, Image

NANO = NanoSimplifier()


def image(*rows: tuple[str, Box]) -> LabelledImage:
    instances = tuple(Instance(name, box, crowd=False, segmentation=None) for name, box in rows)
    return LabelledImage(1, "one.png", instances, (), (200, 400))


def asked(labelled: LabelledImage) -> dict[str, set[int]]:
    return {each.prompt: set(each.rows) for each in referring_prompts([labelled], 100)}


ROOM = image(
    ("cup", (20, 60, 50, 100)),
    ("cup", (60, 60, 110, 105)),
    ("cup", (300, 20, 325, 50)),
    ("table", (0, 90, 150, 190)),
    ("plate", (330, 20, 360, 50)),
)


def test_prompts_have_the_answers_of_their_boxes() -> None:
    prompts = asked(ROOM)
    assert prompts["the leftmost cup"] == {0}
    assert prompts["the second cup from the right"] == {1}
    assert prompts["the largest cup"] == {1}
    assert prompts["the cup next to the plate"] == {2}
    assert prompts["the cup on the table"] == {0, 1}


def test_no_prompt_is_made_where_boxes_leave_doubt() -> None:
    alike = image(
        ("cup", (20, 60, 50, 100)), ("cup", (21, 110, 51, 150)), ("plate", (60, 60, 90, 150))
    )
    assert asked(alike) == {}


def test_without_names_what_the_others_hold() -> None:
    people = image(
        ("person", (150, 20, 200, 190)),
        ("person", (300, 20, 350, 190)),
        ("car", (80, 100, 140, 190)),
        ("hat", (310, 25, 340, 40)),
    )
    assert asked(people)["the person next to the car without a hat"] == {0}


def test_the_annotated_boxes_answer_them_all() -> None:
    answers = evaluate_referring(referring_prompts([ROOM], 100), NANO)
    assert [each.asked.prompt for each in answers if not each.right] == []
    counts = counts_by_kind(answers)
    assert counts["all"] == (len(answers), len(answers))
    assert counts["on"] == (1, 1)


class Everything:
    """A detector that finds each cup of the room and one more."""

    name, device, dtype = "everything", "cpu", "float32"

    def close(self) -> None: ...

    def detect(
        self, image: Image, phrases: Sequence[str], *, box_threshold: float, text_threshold: float
    ) -> Detections:
        boxes = [each.box_xyxy for each in ROOM.instances if each.category == "cup"]
        rows = np.array([(0, 120, 20, 160), *boxes], np.float32)
        return Detections(rows, np.full(4, 0.9, np.float32), (phrases[0],) * 4)


def test_a_detector_is_wrong_where_it_finds_another_box() -> None:
    photo = Image.from_array(np.zeros((200, 400, 3), np.uint8))
    prompts = referring_prompts([ROOM], 100)
    answers = evaluate_referring(prompts, NANO, Everything(), lambda _: photo)
    right = {each.asked.prompt: each.right for each in answers}
    assert not right["the leftmost cup"]
    assert right["the largest cup"]


@pytest.mark.parametrize(
    ("phrase", "category", "same"),
    [("cups", "cup", True), ("blue cup", "cup", True), ("cup", "wine glass", False)],
)
def test_phrases_name_classes(phrase: str, category: str, same: bool) -> None:
    assert names(phrase, category) is same
