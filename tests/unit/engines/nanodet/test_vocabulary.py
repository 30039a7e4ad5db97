"""Which of the 80 classes a phrase means, and which phrases mean none."""

from __future__ import annotations

import pytest

from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.engines.nanodet.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(WordVectors.shipped())


def meant(vocabulary: Vocabulary, phrase: str) -> list[str]:
    return [vocabulary.classes[row] for row in vocabulary.classes_of(phrase)]


def test_the_classes_are_the_80_of_coco_in_their_order(vocabulary: Vocabulary) -> None:
    assert len(vocabulary.classes) == 80
    assert vocabulary.classes[0] == "person"
    assert vocabulary.classes[16] == "dog"
    assert vocabulary.classes[79] == "toothbrush"
    assert all(vocabulary.classes_of(name) == (row,) for row, name in enumerate(vocabulary.classes))


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("Dogs", "dog"),
        ("a small brown dog", "dog"),
        ("hot dogs", "hot dog"),
        ("the man with a red umbrella", "person"),
        ("a slice of pizza", "pizza"),
        ("cup of coffee", "cup"),
        ("glass of wine", "wine glass"),
        ("pair of scissors", "scissors"),
        ("knives", "knife"),
        ("three young women", "person"),
        ("bus", "bus"),
        ("people", "person"),
        ("computer mouse", "mouse"),
        ("teddy bear", "teddy bear"),
    ],
)
def test_names_count_as_the_head_of_a_phrase(
    vocabulary: Vocabulary, phrase: str, expected: str
) -> None:
    assert meant(vocabulary, phrase) == [expected]


@pytest.mark.parametrize(
    ("phrase", "expected"), [("canine", "dog"), ("boeing", "airplane"), ("rabbit", "")]
)
def test_words_of_no_list_are_compared_by_their_vectors(
    vocabulary: Vocabulary, phrase: str, expected: str
) -> None:
    assert meant(vocabulary, phrase) == ([expected] if expected else [])


def test_a_word_for_a_kind_means_all_its_classes(vocabulary: Vocabulary) -> None:
    assert meant(vocabulary, "fruits") == ["banana", "apple", "orange"]


@pytest.mark.parametrize(
    "phrase", ["sea horse", "toilet seat", "dog house", "hat", "sunglasses", "whale", "", "?", "猫"]
)
def test_other_things_mean_none_of_the_classes(vocabulary: Vocabulary, phrase: str) -> None:
    assert meant(vocabulary, phrase) == []
