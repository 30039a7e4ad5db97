"""What the UI says: advice for every error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgeseg import errors
from edgeseg.errors import EdgeSegError
from frontend.advice import advice, explain


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
