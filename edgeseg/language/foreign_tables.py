"""Words of German, Spanish, French, Italian, Portuguese and Chinese with their English.

"silla/s"       silla, sillas     chair
"Tür/en"        Tür, Tur, Tuer    door    without its umlaut, as it is often typed
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

from edgeseg.language import lexicon
from edgeseg.language.rewrites import read_language_table
from edgeseg.language.spelling import Spelling

Kind = Literal["noun", "adjective", "place", "ordinal", "number", "all", "word", "frame", "sign"]
CODES = ("de", "es", "fr", "it", "pt", "zh")
NOUN_TABLES = ("", "_nature", "_people", "_home", "_food", "_street", "_wear", "_leisure")
# A shorter word without its accents is too often another word: "thé" is no "the".
MIN_FOLDED = 3
# "Los Angeles"
NAMES = frozenset(("angeles",))
_LONGEST_ENDING = 2
_SECTIONS: tuple[tuple[str, Kind], ...] = (
    ("adjectives", "adjective"),
    ("ordinals", "ordinal"),
    ("numbers", "number"),
    ("words", "word"),
)
_PLACES = ("on the ", "from the ", "in the ", "at the ")
_ALWAYS_SEVERAL = frozenset(("gente", "gens"))
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "œ": "oe"})
_SHARP_S = str.maketrans({"ß": "ss", "œ": "oe"})


@dataclass(frozen=True)
class Item:
    """An English word for a form of one or more tokens."""

    kind: Kind
    english: str
    form: str
    plural: bool = False
    is_own: bool = True


@dataclass(frozen=True)
class Language:
    """Forms of a language, in lower case with single spaces."""

    name: str
    forms: dict[str, Item]

    def nearest(self, word: str) -> list[str]:
        """Return the nearest nouns with their English, as "Zwiebel (onion)", at most three."""
        folded = next(iter(without_accents(word.lower())), word.lower())
        return [f"{form} ({self.forms[form].english})" for form in self._spelling.nearest(folded)]

    @cached_property
    def _spelling(self) -> Spelling:
        nouns = [form for form, item in self.forms.items() if item.kind == "noun"]
        return Spelling(nouns, nouns)


@lru_cache(maxsize=1)
def languages() -> dict[str, Language]:
    """Return every language by its code, read once per process."""
    words = read_language_table("foreign_words")
    nouns = [
        row for name in NOUN_TABLES for row in read_language_table(f"foreign_nouns{name}").items()
    ]
    found = {}
    for column, code in enumerate(CODES):
        table = words[code]
        forms: dict[str, Item] = {}
        for english, cells in nouns:
            for form, plural in _noun_forms(cells.split("|")[column]):
                forms.setdefault(form, Item("noun", english, form, plural))
                if code == "de" and plural and form[-1] not in "ns":
                    # "außer den Stühlen"
                    forms.setdefault(f"{form}n", Item("noun", english, f"{form}n", plural))
        for section, kind in _SECTIONS:
            for english, cell in table[section].items():
                for form in _forms(cell):
                    forms[form] = Item(_kind(english, kind), english, form)
        for form in _forms(table["frames"]):
            forms.setdefault(form, Item("frame", "", form))
        for form, item in list(forms.items()):
            for folded in without_accents(form):
                if len(folded) >= MIN_FOLDED and folded not in lexicon.FRAME_WORDS | NAMES:
                    forms.setdefault(folded, replace(item, form=folded))
        found[code] = Language(table["name"], forms)
    return found


def without_accents(form: str) -> list[str]:
    """Return how a form is typed without its accents and umlauts; none if it has none."""
    spelled = unicodedata.normalize("NFD", form.translate(_SPELLED_OUT))
    bare = unicodedata.normalize("NFD", form.translate(_SHARP_S))
    typed = ("".join(c for c in text if not unicodedata.combining(c)) for text in (bare, spelled))
    return [text for text in dict.fromkeys(typed) if text != form]


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
