"""Rewrites of prompts as people write them into the forms that the grammar reads.

    "third car counting from the left"    third car from the left
    "birds that aren't pigeons"           birds except pigeons

The tables are regular expressions with their replacements, `tables/*.toml`, ignoring case.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from edgeseg.language.phrases import WORD, tidy

Table = Literal["positions", "sizes", "exclusions"]


def read_language_table(name: str) -> dict[str, Any]:
    """Read `tables/{name}.toml` of this package."""
    return tomllib.loads((files(__package__) / "tables" / f"{name}.toml").read_text("utf-8"))


def rewrite(text: str, table: Table) -> str:
    """Return a text in the form that the grammar reads; a text that no row fits comes back tidy."""
    text = tidy(text) if table != "exclusions" else text
    for pattern, replacement in _rows(table):
        text = pattern.sub(replacement, text)
    return text


def chat_to_words(text: str) -> str:
    """Write out the spellings of chat: "pls find teh cat" is "please find the cat"."""
    table = _chat()

    def written(match: re.Match[str]) -> str:
        # "U.S." is no "you".
        word = match[0] if match[0] == "U" else match[0].lower()
        return table.get(word, match[0])

    return WORD.sub(written, text)


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """Names of things that are spelled right, though the word vectors do not know them."""
    text = (files(__package__) / "tables" / "names.txt").read_text("utf-8")
    return frozenset(text.split())


@lru_cache(maxsize=4)
def _rows(table: Table) -> tuple[tuple[re.Pattern[str], str], ...]:
    rows = read_language_table(table)["rewrites"]
    return tuple((re.compile(pattern, re.IGNORECASE), replacement) for pattern, replacement in rows)


@lru_cache(maxsize=1)
def _chat() -> dict[str, str]:
    return {word: str(written) for word, written in read_language_table("chat").items()}
