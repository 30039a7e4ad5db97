"""Corrections of a match by the small words of a question: who, which animal, with, where."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeseg.engines.nano.affordances.table import Affordance
from edgeseg.language.inflection import singular
from edgeseg.language.phrases import words

FloatArray = npt.NDArray[np.float32]

RELATIONS = {"with": "with", "on": "on", "in": "in", "into": "in", "from": "from", "at": "at"}
PLACE_WORDS = frozenset(("where", "somewhere", "place", "places", "spot"))
# "cut on" asks for a surface, "cut with" for a tool: the same last preposition is a hint.
RELATION = 0.05
# "carry my laptop in" does not ask for the laptop.
MENTIONED = 0.18
# "animal that ..." asks for an entry of the group of animals.
CATEGORY = 0.09
# "who ..." asks for a person, other questions hardly ever; "which bird ..." for a bird.
PERSON, NO_PERSON, KIND, OTHER_KIND = 0.25, 0.15, 0.18, 0.09
WHO = frozenset(("who", "whom", "someone", "somebody", "person"))
# "what kind of animal", "which of these animals": the noun stands in the first words.
FIRST_WORDS, WHO_WORDS = 7, 4
BEFORE_KIND = frozenset(("which", "what", "of", "a", "an", "any", "these", "the"))
CATEGORIES = {
    "animals": "animal animals creature creatures insect insects pet pets bird birds mammal",
    "travelling": "vehicle vehicles transport transportation transports",
    "clothes": "wear wears wearing worn clothes clothing garment garments dressed outfit",
    "food": "food foods fruit fruits vegetable vegetables edible snack",
    "music": "musical instruments",
    "resting": "furniture",
}
GROUPS_OF = {
    word: {name, "weather"} if name == "clothes" else {name}
    for name, listed in CATEGORIES.items()
    for word in listed.split()
}
KIND_OF = {
    word: kind
    for kind, listed in {
        "animal": "animal creature pet mammal",
        "bird": "bird",
        "insect": "insect bug",
        "fruit": "fruit",
        "vegetable": "vegetable",
        "food": "food",
        "vehicle": "vehicle",
        "instrument": "instrument",
        "machine": "machine",
        "furniture": "furniture",
        "plant": "plant flower tree",
        "building": "building",
        "person": "person worker",
    }.items()
    for word in listed.split()
}


class Hints:
    """Corrections for the examples of some entries, in their order."""

    def __init__(self, entries: tuple[Affordance, ...]) -> None:
        examples = [(entry, text) for entry in entries for text in entry.examples]
        self._count = len(examples)
        self._relations = np.array([relation(text.split()) for _, text in examples])
        self._groups = np.array([entry.group for entry, _ in examples])
        kinds = {kind for entry in entries for kind in entry.kinds}
        self._of_kind = {
            kind: np.array([kind in entry.kinds for entry, _ in examples]) for kind in kinds
        }
        self._has_kind = np.array([bool(entry.kinds) for entry, _ in examples])
        # Names by their last word, and the rows of each.
        self._named: dict[str, dict[frozenset[str], list[int]]] = {}
        first = 0
        for entry in entries:
            rows = range(first, first + len(entry.examples))
            first = rows.stop
            for thing in entry.things:
                name = [singular(word) for word in words(thing)]
                of_word = self._named.setdefault(name[-1], {})
                of_word.setdefault(frozenset(name), []).extend(rows)

    def of(self, text: str, content: list[str]) -> FloatArray:
        """(examples,) float32: what to add to the score of each example for a question."""
        asked = words(text)
        hints = np.zeros(self._count, np.float32)
        last = relation(asked)
        if last:
            hints += RELATION * (self._relations == last)
            hints -= RELATION * ((self._relations != last) & (self._relations != ""))
        elif PLACE_WORDS & set(asked):
            hints -= RELATION * (self._relations == "with")
        for groups in (GROUPS_OF[word] for word in asked if word in GROUPS_OF):
            hints += CATEGORY * np.isin(self._groups, sorted(groups))
        named = {singular(word) for word in content}
        for word in named & self._named.keys():
            for name, rows in self._named[word].items():
                if name <= named:
                    hints[rows] -= MENTIONED
        return hints + self._kinds(asked)

    def _kinds(self, asked: list[str]) -> FloatArray:
        """(examples,) float32: the kind of thing that is asked for."""
        none = np.zeros(self._count, bool)
        hints = np.zeros(self._count, np.float32)
        persons = self._of_kind.get("person", none)
        if WHO & set(asked[:WHO_WORDS]):
            return np.asarray(PERSON * persons, np.float32)
        kind = kind_asked_for(asked)
        if kind != "person":
            hints -= NO_PERSON * persons
        if kind is not None:
            fits = self._of_kind.get(kind, none)
            hints += KIND * fits - OTHER_KIND * (self._has_kind & ~fits)
        return hints


def kind_asked_for(asked: list[str]) -> str | None:
    """Return the kind of thing that the first words of a question name; ``None`` without one."""
    for at, word in enumerate(asked[:FIRST_WORDS]):
        kind = KIND_OF.get(singular(word))
        if kind is not None and (at == 0 or asked[at - 1] in BEFORE_KIND):
            return kind
    return None


def relation(tokens: list[str]) -> str:
    """Return the "with", "in", "from" ... that ends a text; "with" where a tool is asked for."""
    if not tokens:
        return ""
    if tokens[-1] in RELATIONS:
        return RELATIONS[tokens[-1]]
    if len(tokens) > 1 and tokens[1] in {"what", "which"} and tokens[0] in RELATIONS:
        return RELATIONS[tokens[0]]
    return ""
