"""Words under test: figures that can be checked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation import evaluate_words, read_absent, read_synonyms
from edgeseg.evaluation.vocabulary import draw_absent
from tests.unit.evaluation.test_metrics import SQUARE, KnownDetector, _truth

SYNONYMS = {"cat": ["kitten", "tabby"], "dog": ["puppy", "hound"]}


def test_names_are_measured_against_what_the_class_name_finds(tmp_path: Path) -> None:
    """The class names find both objects; of the four other names, one finds its object."""
    truth = _truth(tmp_path, ["cat", "dog"], as_tar=True)
    detector = KnownDetector(
        (SQUARE, 0.9, "cat"),
        (SQUARE, 0.8, "kitten"),
        ([0, 0, 5, 5], 0.9, "tabby"),
        ([60, 60, 80, 80], 0.9, "dog"),
        ([60, 60, 80, 80], 0.2, "puppy"),
    )
    result = evaluate_words(truth, detector, SYNONYMS, [], tries=0)["synonyms"]
    assert result["objects"] == result["found_by_name"] == 2
    assert result["kept"] == result["found"] == pytest.approx(1 / 4)
    assert result["kept_by_class"] == pytest.approx((1 / 2 + 0) / 2)
    assert result["per_class"]["cat"]["kept"] == {"kitten": 1, "tabby": 0}


def test_what_the_class_name_misses_counts_as_found_but_not_as_kept(tmp_path: Path) -> None:
    truth = _truth(tmp_path, ["cat", "dog"], as_tar=True)
    detector = KnownDetector((SQUARE, 0.9, "cat"), ([60, 60, 80, 80], 0.9, "puppy"))
    result = evaluate_words(truth, detector, SYNONYMS, [], tries=0)["synonyms"]
    assert result["found_by_name"] == 1
    assert result["kept"] == 0
    assert result["found"] == pytest.approx(1 / 2)


def test_absent_things_that_are_found_are_named(tmp_path: Path) -> None:
    """The only photo holds all of its classes, so that every try is a word of no class."""
    truth = _truth(tmp_path, ["cat", "dog"], as_tar=True)
    detector = KnownDetector((SQUARE, 0.9, "whale"))
    result = evaluate_words(truth, detector, SYNONYMS, ["whale", "tank"], tries=40)["absent"]
    assert result["tries"] == 40
    assert 0 < result["empty"] < 40
    assert result["wrong"] == {"whale": 40 - result["empty"]}


def test_nothing_that_is_there_or_unknown_is_drawn_as_absent(tmp_path: Path) -> None:
    """Where dogs are not labelled without a gap, none need be absent."""
    truth = _truth(tmp_path, ["cat"], as_tar=True)
    assert draw_absent(truth.images, [], 20) == {}
    drawn = draw_absent(truth.images, ["whale"], 20)
    assert set(drawn[7]) == {"whale"}
    assert drawn == draw_absent(truth.images, ["whale"], 20)


def test_the_lists_hold_three_known_names_each_and_known_absent_words() -> None:
    words, names = WordVectors.shipped(), read_synonyms()
    assert len(names) == 130
    for category, others in names.items():
        assert len(set(others) - {category}) == 3, category
        assert all(words.vector(other).any() for other in others), category
    assert all(words.vector(word).any() for word in read_absent())
    assert not set(read_absent()) & set(names)


def test_a_list_that_is_no_toml_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "names.toml"
    path.write_text("cat = [")
    with pytest.raises(InvalidParameterError, match="TOML"):
        read_synonyms(path)
