"""The nano extractor: entities and their relations by a grammar of noun phrases, offline."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseg.language import entity_words as lists
from edgeseg.language.entities import Mention, mentions, merge
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
            phrase=each.phrase,
            count=each.count,
            colours=list(each.colours),
            is_place=each.noun in lists.PLACES,
        )
        for each in found
    ]
