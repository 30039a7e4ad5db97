"""Which of the network's classes a phrase means: by their names, by word vectors, or none."""

from __future__ import annotations

import re
import tomllib
from functools import cached_property
from importlib.resources import files

import numpy as np

from edgeseg.engines.nano.word_vectors import STOP_WORDS, WordVectors, singulars
from edgeseg.language.inflection import singular
from edgeseg.language.lexicon import word_set

MIN_SIMILARITY = 0.65
"""Cosine to the nearest name from which on a phrase means its class. Of 264 names, each left out of
the list in turn, 40 % come to their own class and 5 % to another; of 68 names of other things 1.5 %
come to one. At 0.55 it is 61, 8 and 12 %, at 0.75 21, 2 and 1.5 %. What comes to none is nano's to
find, and what comes to a wrong one is wrong."""
# "slice of pizza" is pizza, "cup of coffee" a cup.
_MEASURES = word_set(
    """pair pairs piece pieces slice slices bunch bunches group groups herd herds flock flocks
    pack packs row rows kind kinds type types lot lots number stack stacks pile piles crowd set
    sets"""
)
_TAIL = word_set("of with in on at from by for to under behind beside near and or that")
_WORD = re.compile(r"[a-z][a-z'-]*")


class Vocabulary:
    """The classes in the order of the network's outputs, and the names that each has."""

    def __init__(self, words: WordVectors) -> None:
        text = files(__package__).joinpath("classes.toml").read_text("utf-8")
        tables = tomllib.loads(text)
        self._words = words
        self.classes = tuple(tables["classes"])
        place = {name: (row,) for row, name in enumerate(self.classes)}
        self._names: dict[str, tuple[int, ...]] = dict(place)
        for name, others in tables["classes"].items():
            self._names.update(dict.fromkeys(others, place[name]))
        for kind, members in tables["kinds"].items():
            self._names[kind] = tuple(place[each][0] for each in members)
        # They mean none of the classes, whatever their last word is.
        self._names.update(dict.fromkeys(tables["others"]["names"], ()))

    def classes_of(self, phrase: str) -> tuple[int, ...]:
        """Return the rows of the classes that a phrase means; empty where it means none of them.

        The longest name at the end of the phrase counts: "small brown dog" is a dog, "hot dog" and
        "sea horse" are what their own entries say. What no name ends is compared by its vector.
        """
        words = [word for word in _WORD.findall(phrase.lower()) if word not in STOP_WORDS - _TAIL]
        named = self._named(words) if words else ()
        return self._near(" ".join(words)) if named is None else named

    def _named(self, words: list[str]) -> tuple[int, ...] | None:
        """The classes of the longest name that ends the phrase's head; None without one."""
        if (whole := " ".join(words)) in self._names:
            return self._names[whole]
        tail = next((at for at, word in enumerate(words) if word in _TAIL), len(words))
        head, rest = words[:tail], words[tail + 1 :]
        if head and rest and words[tail] == "of" and head[-1] in _MEASURES:
            return self._named(rest)
        for start in range(len(head)):
            for last in (head[-1], singular(head[-1]), *singulars(head[-1])):
                name = " ".join([*head[start:-1], last])
                if name in self._names:
                    return self._names[name]
        return None

    def _near(self, phrase: str) -> tuple[int, ...]:
        vector = self._words.vector(phrase)
        names, vectors = self._vectors
        similarity = vectors @ vector
        best = int(similarity.argmax())
        return self._names[names[best]] if similarity[best] >= MIN_SIMILARITY else ()

    @cached_property
    def _vectors(self) -> tuple[list[str], np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        """Classes and single words, of those that have a vector of their own."""
        names = [
            name
            for name, rows in self._names.items()
            if len(rows) == 1
            and (" " not in name or name in self.classes)
            and self._words.knows(name)
        ]
        return names, self._words.vectors(names)
