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
from itertools import pairwise

from edgeseg.language import lexicon
from edgeseg.language.foreign_tables import Item, Kind, Language, languages
from edgeseg.language.inflection import IRREGULAR, SINGULAR_S, is_plural
from edgeseg.language.punctuation import plain_punctuation

MAX_FORM_TOKENS = 5
MIN_EVIDENCE_LETTERS = 3
# Letters of each part of a compound, and what stands between the parts.
MIN_PART = 3
_JOINTS = ("s", "n", "en", "es", "er")
_TOKEN = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|\d+|[.,;]")
# "除了苹果以外的所有水果": what is left out comes first.
_EXCEPT_FIRST = re.compile(r"^除了(?P<left_out>.+?)(?:以外|之外|外)[的,]*(?P<rest>.+)$")
# "桌子下面的猫": the place of the last noun is told by the first.
_CHINESE_RELATIONS = {
    "on the left": "left of",
    "on the right": "right of",
    "at the top": "on",
    "at the bottom": "under",
    "in the foreground": "in front of",
    "in the background": "behind",
}
# What joins two nouns as "of" does: "taza de café".
_OF = frozenset(("de", "del", "du", "des", "d", "di", "da", "do", "das", "dos", "della", "dello"))
_HAN = re.compile(r"[\u4e00-\u9fff]")
_ORDER: tuple[Kind, ...] = ("all", "ordinal", "number", "adjective", "noun", "place")
_UNCOUNTED = (
    frozenset(
        (
            "sheep",
            "fish",
            "grass",
            "bread",
            "water",
            "meat",
            "hair",
            "glasses",
            "scissors",
            "trousers",
        )
    )
    | {"stairs", "police", "grapes", "paper", "people", "furniture", "money", "clothes", "rice"}
    | {
        "milk",
        "honey",
        "butter",
        "sugar",
        "salt",
        "juice",
        "snow",
        "sand",
        "trash",
        "food",
        "cutlery",
    }
)
_PLURALS = {one: several for several, one in IRREGULAR.items()}


@dataclass(frozen=True)
class Translation:
    """English phrases, and the language that they were read from."""

    text: str
    language: str


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
            return Translation(_english(items, language is languages()["zh"]), language.name)
    return None


def _ranked(text: str) -> list[tuple[Language, list[str]]]:
    """Return languages and their tokens, those that know most tokens first."""
    tokens = _TOKEN.findall(text)
    if _HAN.search(text):
        chinese = languages()["zh"]
        joined = _EXCEPT_FIRST.sub(r"\g<rest>除了\g<left_out>", "".join(text.split()))
        return [(chinese, _chinese_tokens(joined, chinese))]
    spoken = [language for code, language in languages().items() if code != "zh"]
    known = {x.name: sum(token in x.forms for token in tokens) for x in spoken}
    ranked = sorted(spoken, key=lambda x: -known[x.name])
    # A German word alone may be a compound of known ones.
    german = languages()["de"]
    return [(x, tokens) for x in ranked if known[x.name] or x is german]


def _items(
    tokens: Sequence[str], language: Language, knows: Callable[[str], bool]
) -> Iterator[Item]:
    """Yield the longest forms in order; nothing more after a word that is not known."""
    at = 0
    while at < len(tokens):
        for length in range(min(MAX_FORM_TOKENS, len(tokens) - at), 0, -1):
            item = language.forms.get(" ".join(tokens[at : at + length]))
            if item:
                break
        else:
            token, length = tokens[at], 1
            item = _compound(token, language, knows) or _other(token, knows)
        yield item
        at += length


def _other(token: str, knows: Callable[[str], bool]) -> Item:
    """A sign, or a word that no table has: an English noun, or an unknown one."""
    if token in ".,;":
        return Item("sign", token, token)
    is_noun = knows(token) and token not in lexicon.FRAME_WORDS
    return Item("noun", token if is_noun else "", token, is_own=False)


def _compound(token: str, language: Language, knows: Callable[[str], bool]) -> Item | None:
    """Read a German compound of two known nouns: "Küchentisch" is "kitchen table"."""
    if language is not languages()["de"] or knows(token):
        return None
    for at in range(MIN_PART, len(token) - MIN_PART + 1):
        last = language.forms.get(token[at:])
        if last is None or last.kind != "noun":
            continue
        for joint in ("", *_JOINTS):
            first = language.forms.get(token[:at].removesuffix(joint))
            if token[:at].endswith(joint) and first is not None and first.kind == "noun":
                return Item("noun", f"{first.english} {last.english}", token, last.plural)
    return None


def unknown_words(prompt: str, knows: Callable[[str], bool]) -> dict[str, list[str]]:
    """Return words that neither English nor the language of a prompt's other words has.

    With each are the nearest nouns of that language and their English; empty where no word of the
    prompt is of another language.
    """
    text = plain_punctuation(prompt).lower().replace("\u2019", " ").replace("'", " ")
    for language, tokens in _ranked(text)[:1]:
        if not _HAN.search(text) and any(
            token in language.forms and not knows(token) for token in tokens
        ):
            unknown = [t for t in tokens if t.isalpha() and t not in language.forms]
            return {t: language.nearest(t) for t in unknown if not knows(t)}
    return {}


def _is_foreign(items: Sequence[Item], knows: Callable[[str], bool]) -> bool:
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


def _english(items: Sequence[Item], is_chinese: bool) -> str:
    """Join English words: the parts of each noun phrase in English order."""
    parts: list[str] = []
    phrase: list[Item] = []
    joined = False
    for item in _relations_last(items) if is_chinese else items:
        if item.kind in ("word", "sign"):
            parts += [*_noun_phrase(phrase), item.english]
            phrase = []
        elif item.kind == "frame":
            joined = joined or item.form in _OF
        elif (
            item.kind == "noun" and not is_chinese and (joined or item.is_own) and _has_noun(phrase)
        ):
            parts += [*_noun_phrase(phrase), "of"]
            phrase = [item]
        else:
            phrase.append(item)
        joined = joined and item.kind == "frame"
    parts += _noun_phrase(phrase)
    return " ".join(parts).replace(" ,", ",")


def _has_noun(phrase: Sequence[Item]) -> bool:
    return any(item.kind == "noun" and item.is_own for item in phrase)


def _relations_last(items: Sequence[Item]) -> list[Item]:
    """Put Chinese nouns with a place after the noun that they place: "cat under table"."""
    spoken = [item for item in items if item.kind != "frame"]
    for at in range(1, len(spoken) - 1):
        before, place, after = spoken[at - 1], spoken[at], spoken[at + 1 :]
        relation = _CHINESE_RELATIONS.get(place.english)
        if relation and before.kind == "noun" and any(item.kind == "noun" for item in after):
            word = Item("word", relation, place.form)
            return [*after, word, *spoken[:at]]
    return list(items)


def _noun_phrase(items: Sequence[Item]) -> list[str]:
    counted = any(item.kind in ("all", "number") for item in items)
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


def _chinese_tokens(text: str, chinese: Language) -> list[str]:
    """Split a text without spaces into the longest known forms."""
    tokens, at = [], 0
    while at < len(text):
        lengths = range(min(5, len(text) - at), 0, -1)
        length = next((n for n in lengths if text[at : at + n] in chinese.forms), 1)
        tokens.append(text[at : at + length])
        at += length
    return tokens
