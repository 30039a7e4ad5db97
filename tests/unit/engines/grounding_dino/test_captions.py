"""Captions hold every phrase once, within the limit, and find it again by its characters."""

from __future__ import annotations

import numpy as np

from edgeseg.engines.grounding_dino.captions import captions, merge, phrase_scores, pick
from edgeseg.types import Detections


def words(text: str) -> int:
    return len(text.split())


def test_phrases_are_joined_and_found_again() -> None:
    (made,) = captions(["A Cat", "red  car?", "...", "St. Bernard"], words, 20)
    assert made.text == "a cat. red car. st bernard."
    assert made.indices == (0, 1, 3)
    assert [made.text[start:end] for start, end in made.spans] == ["a cat", "red car", "st bernard"]


def test_tokens_belong_to_the_phrase_whose_characters_they_are() -> None:
    (made,) = captions(["a cat", "car"], words, 20)
    # [CLS] a cat . car . [SEP]
    offsets = [(0, 0), (0, 1), (2, 5), (5, 6), (7, 10), (10, 11), (0, 0)]
    assert made.tokens_of(offsets) == [[1, 2], [4]]
    assert made.tokens_of(offsets[:3]) == [[1, 2], []]


def test_too_many_phrases_are_split_and_none_is_lost() -> None:
    phrases = [f"thing {number}" for number in range(10)]
    made = captions(phrases, words, 9)
    assert [each.indices for each in made] == [(0, 1, 2), (3, 4, 5), (6, 7, 8), (9,)]
    assert captions(["a b c d e f", "g"], words, 3)[1].indices == (1,)
    assert captions([], words, 9) == captions(["?"], words, 9) == []


def test_a_phrase_is_as_likely_as_its_highest_scoring_token() -> None:
    tokens = np.array([[0.1, 0.9, 0.3], [0.2, 0.0, 0.4]], np.float32)
    scores = phrase_scores(tokens, [[0, 1], [2], []])
    assert np.allclose(scores, [[0.9, 0.3, 0], [0.2, 0.4, 0]])


def test_boxes_are_picked_per_phrase_best_first_and_cut() -> None:
    boxes = np.array([[-5, 0, 50, 50], [10, 10, 20, 20]], np.float32)
    scores = np.array([[0.9, 0.5], [0.2, 0.6]], np.float32)
    found = pick(boxes, scores, ["cat", "dog"], 0.4, (40, 40))
    assert found.labels == ("cat", "dog", "dog")
    assert np.allclose(found.scores, [0.9, 0.6, 0.5])
    assert np.allclose(found.boxes_xyxy[0], [0, 0, 40, 40])
    assert len(pick(boxes, np.zeros((2, 2), np.float32), ["cat", "dog"], 0.0, (40, 40))) == 0
    joined = merge([found, found.take([1])])
    assert joined.labels == ("cat", "dog", "dog", "dog")
    assert len(merge([])) == len(Detections.empty())
