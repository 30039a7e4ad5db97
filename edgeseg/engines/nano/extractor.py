"""The nano extractor: entities and their relations by a grammar of noun phrases, offline."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseg.language import entity_words as lists
from edgeseg.language.entities import Mention, mentions, merge
from edgeseg.language.lexicon import COLOURS
from edgeseg.language.relations import find_relations
from edgeseg.schemas import Entity, EntityExtraction
from edgeseg.types import Image


class NanoExtractor:
    """Reads English text; needs no weights."""

    name = "nano"
    device = "cpu"
    dtype = "float32"

    def __init__(self) -> None:
        self._is_open = True

    def extract(self, text: str, image: Image | None = None) -> EntityExtraction:
        """Return the physical things that a text names, each once, and how they stand."""
        if not self._is_open:
            raise RuntimeError("NanoExtractor: used after close()")
        every, found, tail = mentions(text)
        entities, place = merge(every)
        nouns = [each.noun for each in entities]
        return EntityExtraction(
            prompt=text,
            entities=entities_of(entities),
            relations=find_relations(found, tail, place, nouns),
        )

    def close(self) -> None:
        """End; nothing is held."""
        self._is_open = False


def entities_of(found: Sequence[Mention]) -> list[Entity]:
    """Return mentions as they travel in JSON."""
    return [
        Entity(
            label=each.label,
            phrase=without_colours(each.label),
            count=each.count,
            colours=list(each.colours),
            is_place=each.noun in lists.PLACES,
        )
        for each in found
    ]


def without_colours(label: str) -> str:
    """Return a label without its colours: "dark-red sofa" is looked for as "sofa".

    The last word stays: "orange" may be the fruit.
    """
    *before, noun = label.split()
    named = before[-1:] if " ".join((*before[-1:], noun)) in lists.NAMED_BY_COLOUR else []
    before = before[: len(before) - len(named)]
    kept = [word for word in before if not set(word.split("-")) & COLOURS]
    if kept[:1] == ["and"]:
        del kept[0]
    return " ".join([*kept, *named, noun])
