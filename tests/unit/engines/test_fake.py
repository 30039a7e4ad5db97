"""The fake engines answer by the request alone, and take the time they are told."""

from __future__ import annotations

import time

import numpy as np

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.fake import FakeDetector, FakeSegmenter, FakeSimplifier, fake_box
from edgeseg.types import Image, MaskPrompt

IMAGE = Image.from_array(np.full((60, 80, 3), 9, np.uint8))


def test_answers_depend_on_phrase_and_image() -> None:
    other = Image.from_array(np.full((60, 80, 3), 10, np.uint8))
    assert fake_box(IMAGE, "cat") == fake_box(IMAGE, "cat")
    assert len({fake_box(IMAGE, "cat"), fake_box(IMAGE, "dog"), fake_box(other, "cat")}) == 3


def test_scores_below_the_threshold_are_left_out() -> None:
    found = FakeDetector().detect(IMAGE, ["cat", "dog"], box_threshold=0, text_threshold=0)
    middle = float(found.scores.mean())
    kept = FakeDetector().detect(IMAGE, ["cat", "dog"], box_threshold=middle, text_threshold=0)
    assert kept.labels == found.labels[:1]


def test_points_add_and_take_away() -> None:
    engine = FakeSegmenter()
    prompt = MaskPrompt(
        box_xyxy=(10, 10, 30, 30),
        points_xy=np.array([[60, 30], [20, 20]], np.float32),
        point_labels=np.array([1, 0]),
    )
    mask = engine.segment(engine.embed(IMAGE), [prompt]).masks[0]
    assert (mask[30, 60], mask[20, 20], mask[20, 11], mask[50, 5]) == (True, False, True, False)


def test_each_stage_takes_its_time() -> None:
    start = time.perf_counter()
    FakeSimplifier(EngineOptions(fake_latency_s=0.05)).simplify("cat")
    assert time.perf_counter() - start >= 0.05
