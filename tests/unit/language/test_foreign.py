"""Prompts in six languages: tables, compounds, missing accents, unknown words, false friends."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.engines.nano.affordances.knowledge import read_knowledge
from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.evaluation.prompts import counts_by_kind, evaluate_prompts, read_prompts
from edgeseg.language.foreign import translate, unknown_words
from edgeseg.language.foreign_tables import languages, without_accents

ENGINE = NanoSimplifier()
VECTORS = WordVectors.shipped()
BLIND = Path(__file__).parent / "languages_blind.jsonl"


def test_prompts_written_before_the_tables_grew_are_read() -> None:
    counts = counts_by_kind(evaluate_prompts(read_prompts(BLIND), ENGINE.simplify))
    assert min(right / total for right, total in counts.values()) >= 0.9, counts
    right, total = counts["all"]
    assert right >= 0.96 * total, counts


@pytest.mark.parametrize("code", ["de", "es", "fr", "it", "pt", "zh"])
def test_every_language_names_some_900_things(code: str) -> None:
    nouns = {item.english for item in languages()[code].forms.values() if item.kind == "noun"}
    assert len(nouns) >= 850


@pytest.mark.parametrize(
    ("prompt", "english"),
    [
        ("Küchentisch", "kitchen table"),
        ("Gartenzäune", "garden fences"),
        ("zwei Lastwagen", "two trucks"),
        ("außer den Stühlen", "except chairs"),
        ("una botella de agua", "bottle of water"),
        ("le troisieme velo", "third bicycle"),
        ("Loeffel", "spoon"),
        ("Loffel", "spoon"),
        ("il decimo albero", "tenth tree"),
        ("除了狗以外的所有动物", "all animals except dog"),
        ("树下面的自行车", "bicycle under tree"),
    ],
)
def test_what_a_prompt_says_in_english(prompt: str, english: str) -> None:
    translation = translate(prompt, VECTORS.knows)
    assert translation is not None
    assert translation.text == english
    assert f"“{english}”" in ENGINE.simplify(prompt).reason


def test_accents_are_optional() -> None:
    assert without_accents("tür") == ["tur", "tuer"]
    assert without_accents("straße") == ["strasse"]
    assert without_accents("avión") == ["avion"]
    assert without_accents("mesa") == []


def test_an_unknown_word_is_named_with_the_nearest_words_of_its_language() -> None:
    warnings = ENGINE.simplify("zeig mir die Zwibeln").warnings
    assert "“Zwibeln” is not a known word." in warnings[0]
    assert "zwiebeln (onion)" in warnings[0]
    assert unknown_words("show me the xyzzy", VECTORS.knows) == {}
    assert ENGINE.simplify("zeig mir die Zwibeln").changed is False


def test_no_english_word_or_name_is_read_as_another_language() -> None:
    names = {thing for entry in read_knowledge() for thing in entry.things}
    asked = [*VECTORS.words, *sorted(names)]
    knows = ENGINE._reader.knows
    assert [word for word in asked if translate(word, knows) is not None] == []
