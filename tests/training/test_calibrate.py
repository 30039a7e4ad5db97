"""The best threshold of a phrase, as its docstring shows it."""

from __future__ import annotations

import doctest

from training.nano import calibrate


def test_the_examples_are_exact() -> None:
    result = doctest.testmod(calibrate)
    assert result.attempted
    assert not result.failed
