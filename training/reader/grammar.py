"""Sentences with tags, expanded from the grammar in `wrappers.toml` and `things.toml`."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from edgeseg.language.tags import TAGS, Tag
from training.reader.words import Words

_PART = re.compile(r"[\[\]]|\{(?P<name>\w+)\}(?:\|(?P<tag>\w+))?(?P<maybe>\?)?|[^\s\[\]{}]+")
_WEIGHT = re.compile(r"^(\d+)\* ")


@dataclass
class Word:
    """A word or sign of a sentence, with its tag; ``starts`` marks the first one of a thing."""

    text: str
    tag: Tag = "other"
    starts: bool = False


class Grammar:
    """Writes sentences: words with their tags."""

    def __init__(self, words: Words) -> None:
        self._rows: dict[str, tuple[list[str], list[int]]] = {}
        for name in ("wrappers", "things"):
            text = (Path(__file__).parent / f"{name}.toml").read_text("utf-8")
            for key, rows in tomllib.loads(text).items():
                weights = [int(m[1]) if (m := _WEIGHT.match(row)) else 1 for row in rows]
                self._rows[key] = ([_WEIGHT.sub("", row) for row in rows], weights)
        self._words = words

    def sentence(self, random_: random.Random) -> list[Word]:
        """Return one sentence; the same state of ``random_`` gives the same sentence."""
        made = list(self._expand("sentence", None, random_))
        starts, words = False, []
        for word in made:
            if word.text == "[":
                starts = True
            elif word.text != "]":
                word.starts = starts
                starts = False
                words.append(word)
        return words

    def _expand(self, name: str, tag: Tag | None, random_: random.Random) -> Iterator[Word]:
        if name not in self._rows:
            text, own = self._words.draw(name, random_)
            yield from (Word(part, tag or own) for part in text.split())
            return
        rows, weights = self._rows[name]
        row = random_.choices(rows, weights)[0]
        for part in _parts(row):
            if part.name is None:
                yield Word(part.text, tag or part.tag or "other")
            elif not part.maybe or random_.random() < 0.5:
                yield from self._expand(part.name, tag or part.tag, random_)


@dataclass(frozen=True)
class _Part:
    text: str
    name: str | None
    tag: Tag | None
    maybe: bool


@cache
def _parts(row: str) -> tuple[_Part, ...]:
    parts = []
    for match in _PART.finditer(row):
        text, bar, tag = match[0].partition("|")
        if match["name"] is None and bar and text and tag in TAGS:
            parts.append(_Part(text, None, cast(Tag, tag), False))
        else:
            named = cast("Tag | None", match["tag"])
            parts.append(_Part(match[0], match["name"], named, match["maybe"] is not None))
    return tuple(parts)
