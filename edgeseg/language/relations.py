"""Relations that a text states between its entities, where boxes and masks can show them.

"Two cups on a table, with a window behind it"

cup -- on --> table            the nearest thing before "on" is said to stand there
window -- behind --> table     "it" is the last thing named before the window
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgeseg.language import entity_words as lists
from edgeseg.language.lexicon import word_set
from edgeseg.language.noun_chunks import Chunk, is_adverb, verb_form
from edgeseg.schemas import Relation, RelationKind

# Longer phrases first: "on top of" before "on".
_PHRASES: tuple[tuple[str, RelationKind], ...] = (
    ("on top of", "on"),
    ("in front of", "in_front_of"),
    ("in back of", "behind"),
    ("side by side with", "next_to"),
    ("left side of", "left_of"),
    ("right side of", "right_of"),
    ("next to", "next_to"),
    ("close to", "next_to"),
    ("left of", "left_of"),
    ("right of", "right_of"),
    ("inside of", "in"),
    ("on", "on"),
    ("onto", "on"),
    ("upon", "on"),
    ("atop", "on"),
    ("in", "in"),
    ("inside", "in"),
    ("within", "in"),
    ("into", "in"),
    ("beside", "next_to"),
    ("near", "next_to"),
    ("alongside", "next_to"),
    ("behind", "behind"),
    ("under", "under"),
    ("underneath", "under"),
    ("beneath", "under"),
    ("below", "under"),
    ("above", "above"),
    ("over", "above"),
)
_WORDS = tuple((tuple(words.split()), kind) for words, kind in _PHRASES)
_OF_PEOPLE = word_set("him her himself herself he she")
_ENDS = frozenset(".;!?\n")
_BEFORE_SIDES = frozenset(("to", "on", "at", "the", "its", "from"))
_SKIPPED = frozenset(
    ("the", "a", "an", "its", "his", "her", "their", "one", "some", "just", "both")
)


@dataclass
class _Reader:
    """What is read so far of a text of words and entities."""

    items: Sequence[str | int]
    nouns: Sequence[str]
    found: list[Relation] = field(default_factory=list)
    at: int = 0
    named: list[int] = field(default_factory=list)
    head: int | None = None
    since: list[str] = field(default_factory=list)
    pending: RelationKind | None = None
    opening: tuple[RelationKind, int] | None = None

    def read(self) -> list[Relation]:
        while self.at < len(self.items):
            item = self.items[self.at]
            self.at += 1
            if isinstance(item, int):
                self._name(item)
            elif item in _ENDS:
                self.head, self.pending, self.opening, self.since = None, None, None, []
            else:
                self._word(item)
        return self.found

    def _word(self, word: str) -> None:
        kind, length = self._relation(self.at - 1)
        if kind is not None:
            self.pending = kind
            self.at += length - 1
        elif self.pending and word in lists.PRONOUNS and len(self.named) > 1:
            # "a window behind it": what was named before the window.
            self._relate(self.named[-1], self.pending, self._antecedent(word))
            self.pending = None
        elif self.pending and word in lists.PRONOUNS and self.head is None:
            self.pending = None
        elif word not in _SKIPPED and not word.isdecimal() and word not in _BEFORE_SIDES:
            self.since.append(word)
            if self.pending and (word == "," or verb_form(word) is not None):
                self.pending = None

    def _name(self, entity: int) -> None:
        subject = self._subject()
        if self.pending and subject is not None:
            for each in [subject, *self._joined(subject)]:
                self._relate(each, self.pending, entity)
        elif self.pending and self.opening is None:
            # "On the table stands a vase": what stands there is named later.
            self.opening = (self.pending, entity)
        elif self.opening is not None:
            kind, place = self.opening
            self._relate(entity, kind, place)
            self.opening = None
        if self.head is None and self.opening is None:
            self.head = entity
        self.pending, self.since = None, []
        self.named.append(entity)

    def _subject(self) -> int | None:
        """Return what a relation is said of: the clause's first thing after a verb or a comma."""
        if self.head is None or not self.named:
            return None
        goes_on = any(each in (",", "and", "while") or _is_verb(each) for each in self.since)
        if goes_on:
            return self.head
        # "a woman in a red coat next to a car": it is not the coat that stands there.
        worn = self.nouns[self.named[-1]] in lists.CLOTHES and self.named[-1] != self.head
        return self.named[-2] if worn else self.named[-1]

    def _antecedent(self, pronoun: str) -> int:
        """Return what a pronoun stands for: the last thing named before, of people the last one."""
        before = self.named[-2::-1]
        people = [each for each in before if self.nouns[each] in lists.PERSONS]
        return people[0] if pronoun in _OF_PEOPLE and people else before[0]

    def _joined(self, subject: int) -> list[int]:
        """Return what is joined to a subject by "and": "a cup and a plate on a table"."""
        place = next((i for i, each in enumerate(self.items) if each == subject), 0)
        joined: list[int] = []
        before = list(self.items[:place])
        while before and before[-1] in _SKIPPED:
            before.pop()
        if before and before[-1] == "and" and self.named[-1:] == [subject]:
            before.pop()
            other: str | int = before[-1] if before else ""
            if isinstance(other, int) and other not in {each.object for each in self.found}:
                joined.append(other)
        return joined

    def _relation(self, at: int) -> tuple[RelationKind | None, int]:
        words = [each for each in self.items[at : at + 4] if isinstance(each, str)]
        for phrase, kind in _WORDS:
            if tuple(words[: len(phrase)]) == phrase and all(
                isinstance(each, str) for each in self.items[at : at + len(phrase)]
            ):
                return kind, len(phrase)
        return None, 0

    def _relate(self, subject: int, kind: RelationKind, place: int) -> None:
        is_worn = self.nouns[place] in lists.CLOTHES and kind == "in"
        relation = Relation(subject=subject, kind=kind, object=place)
        if subject != place and not is_worn and relation not in self.found:
            self.found.append(relation)


def find_relations(
    found: Sequence[Chunk], tail: Sequence[str], place: Mapping[int, int], nouns: Sequence[str]
) -> list[Relation]:
    """Return the relations that the words between entities state.

    ``found`` and ``tail`` are what `noun_chunks.parse` returns, ``place`` the entity of each noun
    phrase and ``nouns`` those of the entities.
    """
    items: list[str | int] = []
    for index, chunk in enumerate(found):
        items += chunk.between
        items += [place[index]] if index in place else chunk.words
    return _Reader([*items, *tail], nouns).read()


def _is_verb(word: str) -> bool:
    return word in lists.BE or (verb_form(word) is not None and not is_adverb(word))
