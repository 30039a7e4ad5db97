"""Colour prompts: scenes and photos whose colours are known, and how their answers are judged."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.codecs import mask_to_rle
from edgeseg.engines.fake import FakeSimplifier
from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.evaluation.colour_prompts import (
    FOCAL_RGB,
    counts_by_colour,
    evaluate_colours,
    photo_prompts,
    scene_prompts,
)
from edgeseg.evaluation.data import Instance, LabelledImage
from edgeseg.types import Image

PHOTO = Image.from_array(np.full((100, 200, 3), 120, np.uint8))


def instance(x0: int, x1: int, name: str = "car") -> Instance:
    mask = np.zeros((100, 200), np.bool_)
    mask[20:80, x0:x1] = True
    segmentation = mask_to_rle(mask).model_dump(mode="json")
    return Instance(name, (x0, 20, x1, 80), crowd=False, segmentation=segmentation)


def labelled(*instances: Instance) -> LabelledImage:
    return LabelledImage(1, "one.png", instances, (), (100, 200))


def test_scenes_ask_for_every_colour_in_turn() -> None:
    prompts = list(scene_prompts(len(FOCAL_RGB)))
    assert [each.prompt for each in prompts] == [f"the {colour} cup" for colour in FOCAL_RGB]
    assert all(3 <= len(each.instances) <= 4 for each in prompts)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_asked_for_has_about_its_colour(seed: int) -> None:
    for colour, asked in zip(FOCAL_RGB, scene_prompts(len(FOCAL_RGB), seed), strict=True):
        mask = asked.instances[asked.row].mask(asked.image.size_hw)
        assert mask is not None
        shown = np.median(asked.image.rgb[mask], axis=0)
        assert np.abs(shown - FOCAL_RGB[colour]).max() < 70, colour


def test_photos_are_recoloured_inside_their_objects_alone() -> None:
    photo = labelled(instance(10, 60), instance(100, 150), instance(160, 195, "person"))
    (first, second) = photo_prompts([(photo, PHOTO)], 2)
    assert first.prompt == "the red car"
    assert second.prompt == "the orange car"
    changed = (first.image.rgb != PHOTO.rgb).any(axis=2)
    assert changed[30:70, 15:55].all()
    assert changed[30:70, 105:145].all()
    assert not changed[:, 160:].any()
    assert not changed[:20].any()


def test_photos_of_one_object_of_a_class_ask_nothing() -> None:
    assert list(photo_prompts([(labelled(instance(10, 60)), PHOTO)], 5)) == []


def test_an_answer_is_the_object_alone() -> None:
    photo = labelled(instance(10, 60), instance(100, 150))
    prompts = list(photo_prompts([(photo, PHOTO)], 3))
    right = evaluate_colours(prompts, NanoSimplifier())
    assert [each.right for each in right] == [True] * 3
    # Without colours checked, both cars are found.
    wrong = evaluate_colours(prompts, FakeSimplifier())
    assert [each.right for each in wrong] == [False] * 3
    assert counts_by_colour([right[0], wrong[1]]) == {
        "red": (1, 1),
        "orange": (0, 1),
        "photo": (1, 2),
        "all": (1, 2),
    }
