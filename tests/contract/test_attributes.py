"""Colours and relations are checked on the boxes of Grounding DINO as on those of any detector."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from edgeseg import EdgeSegAI
from edgeseg.engines.base import EngineOptions
from edgeseg.types import Image
from tests.contract.test_pipeline import settings_with

# Randomly initialised weights find boxes anywhere; every one above the floor is kept.
LOW: dict[str, Any] = {"box_threshold": 0.01, "text_threshold": 0.0}


@pytest.fixture(scope="module")
def ai(options: EngineOptions) -> EdgeSegAI:
    settings = settings_with(options, ("detect", "grounding-dino-tiny"))
    return EdgeSegAI("nano", "grounding-dino-tiny", "fake", ttl=-1, settings=settings)


def painted(photo: Image, rgb: tuple[int, int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.broadcast_to(np.array(rgb, np.uint8), photo.rgb.shape).copy()


def test_a_colour_is_read_in_grounding_dinos_boxes(ai: EdgeSegAI, photo: Image) -> None:
    red, blue = painted(photo, (200, 20, 20)), painted(photo, (20, 30, 200))
    kept = ai.detect(image=red, prompt="the red cat", **LOW)
    assert kept.objects
    assert {each.label for each in kept.objects} == {"red cat"}
    assert [(each.kind, each.colour) for each in kept.filters] == [("colour", "red")]
    left_out = ai.detect(image=blue, prompt="the red cat", **LOW)
    assert left_out.objects == []
    assert any("not red" in warning for warning in left_out.warnings)


def test_a_relation_is_checked_between_grounding_dinos_boxes(ai: EdgeSegAI, photo: Image) -> None:
    """Those on a sofa and those on none are all that are found, and some are either."""
    on = ai.detect(image=photo.rgb, prompt="cats on the sofa", **LOW)
    (chosen,) = on.filters
    assert (chosen.relation, chosen.other, chosen.subject) == ("on", "sofa", "cats")
    assert {each.label for each in on.objects} == {"cats on the sofa"}
    negated = [chosen.model_copy(update={"negated": True})]
    not_on = ai.detect(image=photo.rgb, prompt="cats on the sofa", filters=negated, **LOW)
    kept, others = ({each.box for each in made.objects} for made in (on, not_on))
    assert kept
    assert others
    assert not kept & others
    told = re.search(r"(\d+) of (\d+) objects named .*: not on", " ".join(on.warnings))
    assert told is not None
    assert (len(others), len(kept | others)) == (int(told[1]), int(told[2]))
