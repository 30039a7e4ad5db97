"""Tags of tokens become sentences that the grammar of prompts reads."""

from __future__ import annotations

import doctest
from typing import cast, get_args

import pytest

from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.language import doubts, tags
from edgeseg.language.filter_text import filters_text
from edgeseg.language.tags import Tag, Token, need_of, sentence_of, things_of, tokenize

RULES = NanoSimplifier()
# How a marked prompt writes its tags: "the cup/thing ( red/attribute )"; "^" opens a thing.
LETTERS = {tag[:2]: tag for tag in get_args(Tag)} | {"ex": "excluded", "X": "exclusion"}


def tagged(marked: str) -> list[Token]:
    """Read "hey ^the/th cup/th": tokens with tags by their first two letters."""
    pieces = [piece.partition("/") for piece in marked.split()]
    prompt = " ".join(text.lstrip("^") for text, _, _ in pieces)
    matches = list(tokenize(prompt))
    assert len(matches) == len(pieces)
    return [
        Token(match[0], cast(Tag, LETTERS[tag or "ot"]), text.startswith("^"), 1.0, match.start())
        for match, (text, _, tag) in zip(matches, pieces, strict=True)
    ]


@pytest.mark.parametrize(
    ("marked", "sentence"),
    [
        ("grab ^the cup/th pls", "cup"),
        ("^the cup/th ( red/at )", "red cup"),
        ("^the big/th cup/th thats dark/at red/at", "dark red big cup"),
        ("^cup/th on/re the/re table/re", "cup on the table"),
        ("^the cup/th on the left/le", "cup on the left"),
        ("on ^the left/le there is a cup/th", "cup on the left"),
        ("^lamp/th top/to right/ri", "lamp at the top right"),
        ("^car/th no/or . 2/or from left/le", "second car from the left"),
        ("^the 3rd/or car/th from the right/ri", "third car from the right"),
        ("^the last/or car/th from the left/le", "first car from the right"),
        ("^second/or to last/or car/th from the left/le", "second car from the right"),
        ("^the two/co leftmost/le cars/th", "two leftmost cars"),
        ("^the second/or biggest/la car/th", "second largest car"),
        ("^whichever fish/th is tiniest/sm", "smallest fish"),
        ("^cups/th and ^the plate/th", "cups . plate"),
        ("^all of the cups/th and ^a plate/th", "cups . plate"),
        ("^cars/th skip/X ^the taxi/ex and/X ^buses/ex", "cars except taxi and buses"),
        ("no/X ^cats/ex", "everything except cats"),
        ("^the cup/th in the front/fr", "cup in the foreground"),
        ("hello there", ""),
    ],
)
def test_things_become_a_sentence(marked: str, sentence: str) -> None:
    assert sentence_of(things_of(tagged(marked))) == sentence


@pytest.mark.parametrize(
    ("sentence", "phrases", "filters"),
    [
        ("second car from the right", ["car"], "rightmost of car, rank 2"),
        ("two leftmost cars", ["cars"], "leftmost of cars, 2 of them"),
        ("second largest car", ["car"], "largest of car, rank 2"),
        ("lamp at the top right", ["lamp"], "side top of lamp; side right of lamp"),
        ("cup in the foreground . plate", ["cup", "plate"], "front of cup"),
        ("cup in the middle", ["cup"], "center of cup"),
        ("cars except vans", ["cars", "vans"], "exclude of vans"),
    ],
)  # fmt: skip
def test_the_grammar_reads_these_sentences(sentence: str, phrases: list[str], filters: str) -> None:
    simplification = RULES.simplify(sentence)
    assert simplification.phrases == phrases
    assert filters_text(simplification.filters) == filters


def test_words_of_a_need_and_signs_keep_their_order() -> None:
    assert need_of(tagged("what can i cut/ne the/ne bread/ne with/ne")) == "cut the bread with"
    tokens = [Token("Mr", "thing", True, 1.0, 0), Token(".", "thing", False, 0.6, 2)]
    (thing,) = things_of([*tokens, Token("Bean", "thing", False, 0.9, 4)])
    assert (thing.named, thing.sureness) == ("Mr. Bean", 0.6)


def test_phrases_that_hold_more_than_a_name_are_doubtful() -> None:
    assert not doctest.testmod(doubts).failed
    named = ("trash can", "stop sign", "person with red shirt", "man wearing a hat", "Mr. Bean")
    said = (
        "take the mug",
        "basically what I want is it",
        "lamp: left",
        "cup and",
        "the far cup over",
    )
    assert not any(map(doubts.is_doubtful, named))
    assert all(map(doubts.is_doubtful, said))
    assert tags.TAGS[0] == "other"
