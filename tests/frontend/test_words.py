"""What the UI says: advice for every error, and filters in words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgeseg import errors
from edgeseg.errors import EdgeSegError
from edgeseg.schemas import Filter
from frontend.advice import advice, explain
from frontend.prompt import say


def subclasses(kind: type[EdgeSegError]) -> Iterator[type[EdgeSegError]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


KINDS: dict[str, type[EdgeSegError]] = {each.code: each for each in subclasses(EdgeSegError)}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_error_is_answered_with_what_to_do(kind: type[EdgeSegError]) -> None:
    said = explain(kind("Something is wrong"))
    assert said.startswith("Something is wrong.")
    assert advice(kind()).endswith(".")
    assert len(advice(kind()).split()) >= 4


def test_the_narrowest_advice_wins() -> None:
    assert advice(errors.NoWorkerError()) != advice(errors.UnavailableError())
    assert "smaller" in advice(errors.ImageTooLargeError())


def test_what_people_wrote_is_no_markdown() -> None:
    assert "\\*\\*x\\*\\*" in explain(EdgeSegError("**x**"))


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (Filter(kind="leftmost", phrase="cat"), "keep the leftmost cat"),
        (Filter(kind="leftmost", phrase="dog", rank=2), "keep the second leftmost dog"),
        (Filter(kind="largest", phrase="dog", count=2), "keep the 2 largest dog"),
        (Filter(kind="side", phrase="cup", side="left"), "keep the cup at the left"),
        (Filter(kind="smallest"), "keep the smallest object"),
        (
            Filter(kind="colour", phrase="blue cup", colour="blue"),
            "keep each blue cup that is blue",
        ),
        (
            Filter(kind="relation", phrase="cup", relation="next_to", other="plate", negated=True),
            "keep each cup not next to plate",
        ),
        (
            Filter(
                kind="relation",
                phrase="person without hat",
                subject="person",
                relation="with",
                other="hat",
                negated=True,
            ),
            "keep each person without hat",
        ),
        (
            Filter(kind="exclude", phrase="man", filters=[Filter(kind="leftmost")]),
            "leave out: leftmost man",
        ),
    ],
)
def test_filters_are_said_in_words(chosen: Filter, words: str) -> None:
    assert say(chosen) == words
