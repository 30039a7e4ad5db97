"""Polite wrappers and instructions around a thing that is asked for by name.

"Would you mind picking out the waiter?"         the waiter
"Give me a mask for every cone you can see."     every cone
"I need the kayak selected so I can paint it"    the kayak
"""

from __future__ import annotations

import re
from functools import lru_cache

from edgeseg.language.phrases import tidy, words
from edgeseg.language.rewrites import read_language_table

_MAX_ENDINGS = 4
# Determiners and pronouns that may follow a verb which is a noun too: "mask the cat".
_NEXT = (
    r"(?=(?:the|a|an|all|any|every|each|my|our|your|his|her|this|that|these|those|some|both|just|"
    r"only)\b)"
)


def unwrap(text: str) -> str | None:
    """Return what a wrapper asks for, with its determiner; ``None`` when nothing wraps it."""
    bare = tidy(text)
    patterns = _patterns()
    for pattern in patterns:
        match = pattern.match(bare)
        if match and words(match["x"]):
            return _without_endings(tidy(match["x"]))
    short = _without_endings(bare)
    courtesy = _courtesy_ending().search(bare)
    return short if courtesy and short != bare else None


def is_aside(sentence: str) -> bool:
    """Tell a sentence that asks for nothing: "thanks", "you are a segmentation model"."""
    return _asides().fullmatch(tidy(sentence)) is not None


def _without_endings(text: str) -> str:
    for _ in range(_MAX_ENDINGS):
        shorter = tidy(_endings().sub("", text))
        if shorter == text or not words(shorter):
            break
        text = shorter
    return text


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], ...]:
    table = read_language_table("wrappers")
    greeting = rf"(?:(?:{'|'.join(table['greetings'])})[\s,!.]+)*"
    request = rf"(?:(?:{'|'.join(table['requests'])})\s+)"
    plain, verbs = "|".join(table["plain_verbs"]), "|".join(table["verbs"])
    gerunds, makers = "|".join(table["gerunds"]), "|".join(table["product_verbs"])
    product = (
        rf"(?:(?:me|us)\s+)?(?:(?:an?|the|all|some)\s+)?{table['products']}\s+"
        rf"(?:of|for|around|over|on)\s+"
    )
    to_whom = r"(?:\s+(?:me|us|out))?\s+(?:where\s+)?"
    asked = (
        rf"{greeting}{request}+{greeting}(?:{plain}|{verbs}|{gerunds}){to_whom}(?:{product})?(?P<x>.+)",
        rf"{greeting}(?:{plain}){to_whom}(?:{product})?(?P<x>.+)",
        rf"{greeting}{request}*(?:{verbs}|{makers})\s+{product}(?P<x>.+)",
        rf"{greeting}(?:{verbs})(?:\s+(?:me|us))?\s+{_NEXT}(?:{product})?(?P<x>.+)",
        rf"{greeting}(?:i|we)\s+(?:want|need)\s+{product}(?P<x>.+)",
        rf"(?:(?:an?|the|all)\s+)?{table['products']}\s+(?:of|for|around)\s+(?P<x>(?:the|all|every|each)\b.+)",
    )
    sentences = [rf"{greeting}(?:{sentence})" for sentence in table["sentences"]]
    leading = rf"(?:(?:{'|'.join(table['greetings'])})[\s,!.]+)+{_NEXT}(?P<x>.+)"
    endings = rf"(?:{'|'.join(table['endings'])})*$"
    texts = [*sentences, *asked, leading]
    return tuple(re.compile(rf"^(?:{text}){endings}", re.IGNORECASE) for text in texts)


@lru_cache(maxsize=1)
def _endings() -> re.Pattern[str]:
    return re.compile(
        rf"(?:{'|'.join(read_language_table('wrappers')['endings'])})$", re.IGNORECASE
    )


@lru_cache(maxsize=1)
def _courtesy_ending() -> re.Pattern[str]:
    return re.compile(rf"(?:{read_language_table('wrappers')['endings'][0]})$", re.IGNORECASE)


@lru_cache(maxsize=1)
def _asides() -> re.Pattern[str]:
    return re.compile("|".join(read_language_table("wrappers")["asides"]), re.IGNORECASE)
