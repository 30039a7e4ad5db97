"""Word vectors: what is near, what is unknown, and how phrases are put together."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.engines.nano.word_vectors import WordVectors


@pytest.fixture(scope="module")
def words() -> WordVectors:
    """The table in the package."""
    return WordVectors.shipped()


@pytest.mark.parametrize(
    ("word", "near", "far"),
    [
        ("puppy", "dog", "car"),
        ("automobile", "car", "cat"),
        ("sofa", "couch", "horse"),
        ("mug", "cup", "sheep"),
        ("television", "tv", "bird"),
    ],
)
def test_synonyms_are_near(words: WordVectors, word: str, near: str, far: str) -> None:
    """A synonym is far nearer than another class."""
    assert words.similarity(word, near) > words.similarity(word, far) + 0.3


def test_vectors_have_unit_length_or_are_zero(words: WordVectors) -> None:
    """Known phrases are unit vectors; a phrase without a known word is zeros."""
    assert np.linalg.norm(words.vector("a red car")) == pytest.approx(1, abs=1e-5)
    assert not words.vector("xqzwv").any()
    assert words.vectors(["cat", "xqzwv"]).shape == (2, words.dim)
    assert words.vectors([]).shape == (0, words.dim)


def test_the_last_word_leads(words: WordVectors) -> None:
    """Modifiers shade a phrase, its head decides."""
    assert words.similarity("red sports car", "car") > 0.8
    assert words.similarity("dog house", "house") > words.similarity("dog house", "dog")


@pytest.mark.parametrize(("plural", "one"), [("cats", "cat"), ("boxes", "box")])
def test_plurals_share_their_singulars_vector(words: WordVectors, plural: str, one: str) -> None:
    """People write either."""
    assert words.similarity(plural, one) > 0.99


def test_fixed_expressions_have_entries_of_their_own(words: WordVectors) -> None:
    """A hot dog is no dog."""
    assert words.knows("hot dog")
    assert words.similarity("hot dog", "dog") < words.similarity("puppy", "dog")
