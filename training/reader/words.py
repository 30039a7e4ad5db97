"""Words that fill the grammar: names of things, adjectives, needs and words of any kind."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path

from edgeseg.engines.nano.affordances.table import everything, read_table
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.language import lexicon
from edgeseg.language.inflection import IRREGULAR, PAIRS, is_plural
from edgeseg.language.rewrites import names, read_language_table
from edgeseg.language.tags import Tag

_PLURALS = {one: several for several, one in IRREGULAR.items()}
_UNSURE = lexicon.FRAME_WORDS | lexicon.SUPERLATIVES.keys() | lexicon.ORDINALS.keys()
_COLOURS = lexicon.word_set(
    "black white red green blue yellow orange purple pink brown grey gray beige golden silver navy"
)
_LOOKS = lexicon.word_set(
    "rusty cracked torn folded painted carved frozen melted burnt burning peeled grilled fried "
    "polished faded crooked bent curved pointed tangled muddy dusty foggy glowing smiling angry "
    "sleeping barking jumping running laughing crying broken-down half-full hand-made "
    "old-fashioned medium-sized three-legged two-storey four-door stainless ceramic plush knitted "
    "woven wicker porcelain concrete brick glass paper cardboard rubber inflatable electric "
    "digital antique vintage modern classic retro ugly pretty fancy simple strange weird funny "
    "scary tasty raw"
)
_CLOTHES = "shirt dress hat coat jacket suit uniform sweater hoodie vest skirt t-shirt cap helmet"
_NAMES = (
    "Anna Ben Clara David Emma Felix Grace Henry Ida Jack Kim Leo Mia Noah Olga Paul Rosa Sam Tina "
    "Victor Luna Max Bella Charlie Rex Milo Daisy Oscar Molly Smith Jones Brown Miller Garcia Chen"
)
_NAMED = "Bridge Tower Street Castle Hotel Park Museum Station Cathedral River Palace Airport"


def plural(noun: str) -> str:
    """Return the plural of a noun phrase, which a plural and "scissors" are already."""
    first, _, last = noun.rpartition(" ")
    lower = last.lower()
    if is_plural(lower) or lower in PAIRS:
        return noun
    if lower in _PLURALS:
        made = _PLURALS[lower]
    elif lower.endswith(("man", "men")):
        made = f"{last[:-2]}en"
    elif lower.endswith("y") and lower[-2:-1] not in "aeiou":
        made = f"{last[:-1]}ies"
    elif lower.endswith(("s", "x", "ch", "sh", "z")):
        made = f"{last}es"
    else:
        made = f"{last}s"
    return f"{first} {made}".strip()


class Words:
    """Draws words by the name that the grammar gives their kind."""

    def __init__(self, vectors: WordVectors) -> None:
        folder = Path(__file__).parents[1] / "nano"
        synonyms = tomllib.loads((folder / "synonyms.toml").read_text("utf-8"))
        things = [*synonyms, *(each for several in synonyms.values() for each in several)]
        things += (folder / "expressions.txt").read_text("utf-8").split("\n")
        things += [thing for entry in read_table() for thing in entry.things]
        things += [*everything(), *read_language_table("foreign_nouns"), *names()]
        plain = {each.replace("_", " ").strip() for each in things}
        nouns = sorted(each for each in plain if each and not is_plural(each.split()[-1]))
        known = [w for w in vectors.words if re.fullmatch(r"[a-z]{3,12}", w) and w not in _UNSURE]
        needs = [text for entry in read_table() for text in entry.examples]
        self._lists: dict[str, tuple[list[str], Tag]] = {
            "noun": (nouns, "thing"),
            "nouns": (sorted(set(map(plural, nouns))), "thing"),
            "adj": (sorted(lexicon.ADJECTIVES | _LOOKS), "thing"),
            "colour": (sorted(_COLOURS), "thing"),
            "clothes": (_CLOTHES.split(), "thing"),
            "random_noun": (known, "thing"),
            # A word of any kind in a sentence around the thing.
            "any_word": (known, "other"),
            "need": (needs, "need"),
            "Name": (_NAMES.split(), "thing"),
            "Named": (_NAMED.split(), "thing"),
        }

    def draw(self, kind: str, random_: random.Random) -> tuple[str, Tag]:
        """Return words of a kind and their tag."""
        words, tag = self._lists[kind]
        return random_.choice(words), tag
