"""Prompts in German, Spanish, French, Italian, Portuguese and Chinese, read as English phrases.

    "la tercera silla desde la izquierda"    third chair from the left
    "chat noir"                              black cat
    "左边第三把椅子"                          third chair on the left

Small tables of usual words; a prompt with a word that neither they nor English know is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from edgeseg.language import lexicon
from edgeseg.language.inflection import IRREGULAR, SINGULAR_S, is_plural
from edgeseg.language.punctuation import plain_punctuation
from edgeseg.language.rewrites import read_language_table

Kind = Literal["noun", "adjective", "place", "ordinal", "number", "all", "word", "frame", "sign"]
CODES = ("de", "es", "fr", "it", "pt", "zh")
MAX_FORM_TOKENS = 5
MIN_EVIDENCE_LETTERS = 3
_LONGEST_ENDING = 2
_SECTIONS: tuple[tuple[str, Kind], ...] = (
    ("adjectives", "adjective"),
    ("ordinals", "ordinal"),
    ("numbers", "number"),
    ("words", "word"),
)
_PLACES = ("on the ", "from the ", "in the ", "at the ")
_TOKEN = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|\d+|[.,;]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_ORDER: tuple[Kind, ...] = ("all", "ordinal", "number", "adjective", "noun", "place")
_UNCOUNTED = frozenset(
    ("sheep", "fish", "grass", "bread", "water", "meat", "hair", "glasses", "scissors", "trousers")
) | {"stairs", "police", "grapes", "fruit", "paper"}
_ALWAYS_SEVERAL = frozenset(("gente", "gens"))
_PLURALS = {one: several for several, one in IRREGULAR.items()}


@dataclass(frozen=True)
class Translation:
    """English phrases, and the language that they were read from."""

    text: str
    language: str


@dataclass(frozen=True)
class _Item:
    """An English word for a form of one or more tokens."""

    kind: Kind
    english: str
    form: str
    plural: bool = False
    is_own: bool = True


@dataclass(frozen=True)
class _Language:
    """Forms of a language, in lower case with single spaces."""

    name: str
    forms: dict[str, _Item]


def translate(prompt: str, knows: Callable[[str], bool]) -> Translation | None:
    """Return the English for a prompt in one of the languages; ``None`` for any other prompt.

    ``knows`` tells whether a word in lower case is English: a prompt of such words is English.
    """
    text = plain_punctuation(prompt).lower().replace("\u2019", " ").replace("'", " ")
    text = text.replace("?", " ").replace("!", " ")
    candidates = _ranked(text)
    for language, tokens in candidates:
        items = list(_items(tokens, language, knows))
        if items and _is_foreign(items, knows):
            return Translation(_english(items, language is _languages()["zh"]), language.name)
    return None


def _ranked(text: str) -> list[tuple[_Language, list[str]]]:
    """Return languages and their tokens, those that know most tokens first."""
    tokens = _TOKEN.findall(text)
    if _HAN.search(text):
        chinese = _languages()["zh"]
        return [(chinese, _chinese_tokens("".join(text.split()), chinese))]
    spoken = [language for code, language in _languages().items() if code != "zh"]
    known = {x.name: sum(token in x.forms for token in tokens) for x in spoken}
    return [(x, tokens) for x in sorted(spoken, key=lambda x: -known[x.name]) if known[x.name]]


def _items(
    tokens: Sequence[str], language: _Language, knows: Callable[[str], bool]
) -> Iterator[_Item]:
    """Yield the longest forms in order; nothing more after a word that is not known."""
    at = 0
    while at < len(tokens):
        for length in range(min(MAX_FORM_TOKENS, len(tokens) - at), 0, -1):
            item = language.forms.get(" ".join(tokens[at : at + length]))
            if item:
                break
        else:
            token, length = tokens[at], 1
            item = _other(token, knows)
        yield item
        at += length


def _other(token: str, knows: Callable[[str], bool]) -> _Item:
    """A sign, or a word that no table has: an English noun, or an unknown one."""
    if token in ".,;":
        return _Item("sign", token, token)
    is_noun = knows(token) and token not in lexicon.FRAME_WORDS
    return _Item("noun", token if is_noun else "", token, is_own=False)


def _is_foreign(items: Sequence[_Item], knows: Callable[[str], bool]) -> bool:
    """Tell a prompt of the language from an English one, and from one with unknown words."""
    if any(item.kind == "noun" and not item.english for item in items):
        return False
    own = [item for item in items if item.is_own]
    content = sum(item.kind in ("noun", "adjective") for item in own)
    others = sum(not item.is_own and item.kind == "noun" for item in items)
    if not content or not any(item.kind == "noun" for item in items):
        return False
    unknown = [item.form for item in own if not knows(item.form)]
    if any(_HAN.search(form) or len(form) >= MIN_EVIDENCE_LETTERS for form in unknown):
        return others < content
    # All of it could be English words: then an article decides, or an adjective after its noun.
    frames = [x for x in own if x.kind in ("frame", "word") and x.form not in lexicon.FRAME_WORDS]
    after = any(
        a.kind == "noun" and a.english != a.form and b.kind == "adjective"
        for a, b in pairwise(items)
    )
    return not others and (bool(frames) or after)


def _english(items: Sequence[_Item], is_chinese: bool) -> str:
    """Join English words: the parts of each noun phrase in English order."""
    parts: list[str] = []
    phrase: list[_Item] = []
    for item in items:
        if item.kind in ("word", "sign"):
            parts += [*_noun_phrase(phrase, is_chinese), item.english]
            phrase = []
        elif item.kind != "frame":
            phrase.append(item)
    parts += _noun_phrase(phrase, is_chinese)
    return " ".join(parts).replace(" ,", ",")


def _noun_phrase(items: Sequence[_Item], is_chinese: bool) -> list[str]:
    counted = is_chinese and any(item.kind in ("all", "number") for item in items)
    ordered = sorted(items, key=lambda x: (_ORDER.index(x.kind), not x.english.endswith("est")))
    return [
        _plural(item.english)
        if item.kind == "noun" and (item.plural or (counted and item.english != item.form))
        else item.english
        for item in ordered
    ]


def _plural(noun: str) -> str:
    """Return the plural of an English noun of the tables."""
    first, _, last = noun.rpartition(" ")
    if last in _PLURALS:
        last = _PLURALS[last]
    elif last not in _UNCOUNTED and (not is_plural(last) or last in SINGULAR_S):
        if last.endswith("y") and last[-2] not in "aeiou":
            last = f"{last[:-1]}ies"
        else:
            last += "es" if last.endswith(("s", "x", "ch", "sh", "tomato", "potato")) else "s"
    return f"{first} {last}".strip()


def _chinese_tokens(text: str, chinese: _Language) -> list[str]:
    """Split a text without spaces into the longest known forms."""
    tokens, at = [], 0
    while at < len(text):
        lengths = range(min(5, len(text) - at), 0, -1)
        length = next((n for n in lengths if text[at : at + n] in chinese.forms), 1)
        tokens.append(text[at : at + length])
        at += length
    return tokens


@lru_cache(maxsize=1)
def _languages() -> dict[str, _Language]:
    words, nouns = read_language_table("foreign_words"), read_language_table("foreign_nouns")
    languages = {}
    for column, code in enumerate(CODES):
        table = words[code]
        forms: dict[str, _Item] = {}
        for english, cells in nouns.items():
            for form, plural in _noun_forms(cells.split("|")[column]):
                forms.setdefault(form, _Item("noun", english, form, plural))
        for section, kind in _SECTIONS:
            for english, cell in table[section].items():
                for form in _forms(cell):
                    forms[form] = _Item(_kind(english, kind), english, form)
        for form in _forms(table["frames"]):
            forms.setdefault(form, _Item("frame", "", form))
        languages[code] = _Language(table["name"], forms)
    return languages


def _kind(english: str, kind: Kind) -> Kind:
    """Return the kind of an entry; among the words are places and "all"."""
    if english == "all":
        return "all"
    return "place" if english.startswith(_PLACES) else kind


def _forms(cell: str) -> list[str]:
    return [form.lower().replace("_", " ") for form in cell.split()]


def _noun_forms(cell: str) -> Iterator[tuple[str, bool]]:
    """Yield forms and whether they are plural: "silla/s", "luz/luces", "Fenster"."""
    for form in _forms(cell):
        one, _, several = form.partition("/")
        if one == "-":
            continue
        yield one, one in _ALWAYS_SEVERAL
        if several:
            short = len(several) <= _LONGEST_ENDING
            yield (one + several if short else several), True
