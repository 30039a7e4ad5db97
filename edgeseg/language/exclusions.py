"""Negations: "all people except the man on the left" becomes what is kept and what is left out."""

from __future__ import annotations

import re

from edgeseg.language import lexicon
from edgeseg.language.phrases import words

_EXCEPT = re.compile(
    r"\s*[,;]?\s+(?:except(?:ing)?(?:\s+for)?|excluding|apart\s+from|aside\s+from|other\s+than|"
    r"but\s+(?:definitely\s+)?not|and\s+not|not\s+including|with\s+the\s+exception\s+of|"
    r"leaving\s+out)\s+|\s*,\s*(?:not|no|minus|without|ignoring|ignore)\s+|\s+not\s+the\s+",
    re.IGNORECASE,
)
# After "all" or "everything" these negate too; elsewhere "dog without a leash" describes.
_AFTER_ALL = re.compile(r"\s+(?:but(?:\s+for)?|besides|minus|without\s+the)\s+", re.IGNORECASE)
_WITHOUT_ONE = re.compile(r"\s+(?:without|minus|but)\s+(?=.*\bones?\s*$)", re.IGNORECASE)
_ALL = lexicon.EVERYTHING | lexicon.EVERYONE | frozenset(("every", "any", "each"))


def split_exclusion(text: str) -> tuple[str, str] | None:
    """Return what is asked for and what is to be left out; ``None`` without a negation.

    >>> split_exclusion("all people except the man on the left")
    ('all people', 'the man on the left')
    >>> split_exclusion("dog without a leash")  # describes the dog
    """
    first = next(iter(words(text)), "")
    patterns = [_EXCEPT, _WITHOUT_ONE]
    if first in _ALL or (first == "the" and "all" in words(text)):
        patterns.append(_AFTER_ALL)
    matches = [m for m in (p.search(text) for p in patterns) if m and m.start() > 0]
    if not matches:
        return None
    match = min(matches, key=lambda m: m.start())
    included, excluded = text[: match.start()], text[match.end() :]
    if not words(excluded) or words(included)[-1:] in (["do"], ["does"], ["nothing"], ["is"]):
        return None
    return included, excluded


def same_kind(noun: str, other: str) -> bool:
    """Tell whether two head nouns in lower case may name the same box: "man" and "people"."""
    return noun.rstrip("s") == other.rstrip("s") or {noun, other} <= lexicon.PEOPLE
