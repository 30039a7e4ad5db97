"""Spelling of unknown words mended against a vocabulary, by keyboard, sound and use.

    girrafe     giraffe     a letter doubled in the wrong place
    elefant     elephant    sounds alike
    lihgt       light       two letters swapped

A known word is never changed, nor one that begins with a capital letter.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

import numpy as np

MIN_LETTERS, MAX_LETTERS = 4, 24
# Largest cost of a mend by the number of letters; the last one holds for longer words.
LIMITS = {4: 0.75, 5: 1.0, 6: 1.2, 7: 1.4}
LIMIT_LONG = 1.9
# A word that prompts seldom use must be nearer than one of everyday things.
RARE = 0.7
FIRST_LETTER = 0.7
SWAP, DOUBLED, ALIKE, END_E, VOWEL, OTHER = 0.6, 0.4, 0.7, 0.7, 0.9, 1.0
SUBSTITUTION = 1.1
LAST_VOWEL = 0.6
NEAREST, MAX_NEAREST_COST = 3, 2.5
MAX_CANDIDATES = 60

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SOUNDS = ("aeiouy", "cksqx", "zs", "fv", "gj", "dt", "mn", "bp", "vw", "uw")
_PLAIN_WORD = re.compile(r"[a-z]+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _neighbours() -> frozenset[tuple[str, str]]:
    """Pairs of letters that are next to each other on a keyboard or sound alike."""
    pairs = {(a, b) for row in _ROWS for a, b in itertools.pairwise(row)}
    pairs |= {(a, b) for sounds in _SOUNDS for a in sounds for b in sounds}
    for upper, lower in itertools.pairwise(_ROWS):
        pairs |= set(zip(upper, lower, strict=False)) | set(zip(upper[1:], lower, strict=False))
    return frozenset(pairs | {(b, a) for a, b in pairs})


_NEAR = _neighbours()


class Spelling:
    """Nearest words of a vocabulary; `common` are those that prompts often use."""

    def __init__(self, vocabulary: Iterable[str], common: Iterable[str]) -> None:
        self._common = frozenset(common)
        plain = {word for word in vocabulary if _PLAIN_WORD.fullmatch(word)}
        self._words = sorted(plain | {w for w in self._common if _PLAIN_WORD.fullmatch(w)})
        self._lengths = np.array([len(word) for word in self._words], np.int16)
        counts = np.zeros((len(self._words), len(_LETTERS)), np.int8)
        for row, word in enumerate(self._words):
            for letter in word:
                counts[row, ord(letter) - ord("a")] += 1
        self._counts = counts

    def mend(self, word: str) -> str | None:
        """Return the known word that a misspelled one stands for; ``None`` when none is near."""
        lower = word.lower()
        if (
            not MIN_LETTERS <= len(lower) <= MAX_LETTERS
            or word != lower
            or not _PLAIN_WORD.fullmatch(lower)
        ):
            return None
        found = self._best(lower, LIMITS.get(len(lower), LIMIT_LONG))
        if lower[-1] in "sz" and len(lower) > MIN_LETTERS:
            stem = self._best(lower[:-1], LIMITS.get(len(lower) - 1, LIMIT_LONG))
            ended = 0.0 if lower[-1] == "s" else ALIKE
            if stem and (found is None or stem[0] + ended < found[0]):
                found = (stem[0] + ended, f"{stem[1]}s")
        return found[1] if found else None

    def nearest(self, word: str) -> list[str]:
        """Return the nearest known words, at most three; none for a word of another script."""
        lower = word.lower()
        if len(lower) > MAX_LETTERS or not _PLAIN_WORD.fullmatch(lower):
            return []
        ranked = sorted((self._cost(lower, other), other) for other in self._candidates(lower, 5))
        return [other for cost, other in ranked[:NEAREST] if cost <= MAX_NEAREST_COST]

    def _best(self, word: str, limit: float) -> tuple[float, str] | None:
        ranked = ((self._cost(word, other), other) for other in self._candidates(word, 4))
        best = min(ranked, default=(limit + 1, ""))
        return best if best[0] <= limit else None

    def _candidates(self, word: str, letters: int) -> list[str]:
        """Words of about the length, which differ in at most so many letters in any order."""
        counts = np.zeros(len(_LETTERS), np.int8)
        for letter in word:
            counts[ord(letter) - ord("a")] += 1
        rows = np.flatnonzero(np.abs(self._lengths - len(word)) <= 2)
        differing = np.abs(self._counts[rows] - counts).sum(1)
        order = np.argsort(differing, kind="stable")[:MAX_CANDIDATES]
        return [self._words[rows[at]] for at in order if differing[at] <= letters]

    def _cost(self, word: str, other: str) -> float:
        rare = 0.0 if other in self._common else RARE
        return edit_cost(word, other) + rare


def edit_cost(word: str, other: str) -> float:
    """Return the cost of turning one lower-case word into another, 0 for the same word."""
    a, b = word.replace("ph", "f"), other.replace("ph", "f")
    digraph = 0.5 if len(a) - len(word) != len(b) - len(other) else 0.0
    gaps_a, gaps_b = ([_gap(each, at) for at in range(len(each))] for each in (a, b))
    rows = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for j in range(1, len(b) + 1):
        rows[0][j] = rows[0][j - 1] + gaps_b[j - 1]
    for i in range(1, len(a) + 1):
        rows[i][0] = rows[i - 1][0] + gaps_a[i - 1]
        for j in range(1, len(b) + 1):
            step = min(
                rows[i - 1][j] + gaps_a[i - 1],
                rows[i][j - 1] + gaps_b[j - 1],
                rows[i - 1][j - 1] + _substitution(a[i - 1], b[j - 1]),
            )
            swapped = i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]
            rows[i][j] = min(step, rows[i - 2][j - 2] + SWAP) if swapped else step
    # Nobody types a vowel more at the end: "matcha" is no "match".
    longer = LAST_VOWEL if len(a) > len(b) and a[-1] in "aio" and a[:-1] == b else 0.0
    first = FIRST_LETTER if a[:1] != b[:1] and a[:2] != b[1::-1] else 0.0
    return rows[-1][-1] + digraph + longer + first


def _gap(word: str, at: int) -> float:
    """Cost of a letter that one word has and the other lacks."""
    letter = word[at]
    if letter in (word[at - 1 : at] + word[at + 1 : at + 2]):
        return DOUBLED
    if letter == "h" or (letter == "e" and at == len(word) - 1):
        return END_E
    return VOWEL if letter in "aeiou" else OTHER


def _substitution(a: str, b: str) -> float:
    return 0.0 if a == b else ALIKE if (a, b) in _NEAR else SUBSTITUTION
