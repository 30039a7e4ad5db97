"""Noun phrases of running text, and the words between them: a shallow parse by closed word lists.

    "Two dogs sit on a red sofa, a man watches them."

    determiner  number  words            between it and the next
    -           2       dogs             sit on
    a           1       red sofa         ,
    a           1       man              watches them .

English only. Nouns are the open class here: whatever is not a verb, a preposition, a determiner or
another closed word can be one, so that words which nobody listed are found too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edgeseg.language import entity_words as lists
from edgeseg.language.inflection import PAIRS, is_plural
from edgeseg.language.lexicon import ADJECTIVES, DETERMINERS, NUMBERS, PREPOSITIONS, word_set

# "1girl", as in tags.
_TAG = re.compile(r"\b(\d{1,2})(?=(?:girl|boy|man|men|woman|women|cat|dog|person|people)s?\b)")
_TOKEN = re.compile(r"[^\W_]+(?:[-'&][^\W_]+)*|[.,;:!?()\[\]\"|/\n\u2013\u2014]")
_MEASURE = re.compile(r"\d+(?:k|mm|px|p|fps|bit|x\d+)|f\d.*", re.IGNORECASE)
_POSSESSIVE = re.compile(r"'s?$")
_SILENT_E = re.compile(r"(?:[^aeiou]|u)$")
_BREAKS_ALWAYS = (
    PREPOSITIONS | lists.PREPOSITIONS_TOO | lists.CONNECTIVES | lists.PRONOUNS | lists.BE
) - {"like", "left"}
_DETERMINERS = DETERMINERS | lists.MANY | lists.NONE | {"another", "other", "one"}


@dataclass(frozen=True)
class Chunk:
    """A noun phrase: its words in lower case without determiner and number, the head last.

    ``number`` is what the text says, None where it says none; ``between`` are the words and signs
    since the chunk before, its determiner included.
    """

    words: tuple[str, ...]
    determiner: str = ""
    number: int | None = None
    between: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        """The noun that the phrase is about."""
        return self.words[-1]


@dataclass
class _Reader:
    """What is read so far: chunks, the words of the chunk at hand, and those between."""

    tokens: list[str]
    chunks: list[Chunk] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    between: list[str] = field(default_factory=list)
    determiner: str = ""
    number: int | None = None
    at: int = 0

    @property
    def next(self) -> str:
        return self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else "."

    def read(self) -> list[Chunk]:
        for at, token in enumerate(self.tokens):
            self.at = at
            if self._is_break(token):
                self._close()
                self.between.append(token)
                self.determiner, self.number = self.determiner if token == "of" else "", None
            elif self._is_number(token):
                self._close()
                self.number = _number(token) * (self.number or 1)
                self.between.append(token)
            elif self._is_determiner(token):
                self._close()
                self.determiner = token
                self.number = 1 if token in ("a", "an", "one", "another") else None
                self.between.append(token)
            else:
                self._add(token)
        self._close()
        return self.chunks

    def _add(self, token: str) -> None:
        """Add a word of a noun phrase: "the dog's ball" names the dog, "a dog's ball" may not."""
        owner = _POSSESSIVE.sub("", token)
        named = owner != token and self.determiner not in ("", "a", "an")
        self.words.append(owner if named else token)
        if named:
            self._close()
            self.between.append("'s")

    def _close(self) -> None:
        if not self.words:
            return
        if self._is_thing():
            after: list[str] = []
            while len(self.words) > 1 and is_known_adjective(self.words[-1]):
                after.insert(0, self.words.pop())
            words, between = tuple(self.words), tuple(self.between)
            self.chunks.append(Chunk(words, self.determiner, self.number, between))
            self.between = after
        else:
            self.between += self.words
        self.words, self.determiner, self.number = [], "", None

    def _is_thing(self) -> bool:
        """Tell a noun phrase from what is only said of one: "the sofa is red"."""
        last = self.words[-1]
        if last.isdecimal() or any(_MEASURE.fullmatch(word) for word in self.words):
            return False
        after_be = bool(set(self.between[-2:]) & lists.BE)
        if after_be and not self.determiner and self.number is None and not is_plural(last):
            return False
        if self.determiner or self.number is not None or len(self.words) > 1:
            return not all(map(is_known_adjective, self.words))
        return not looks_like_adjective(last) or last in _ALSO_NOUNS

    def _is_number(self, token: str) -> bool:
        is_word = token in NUMBERS or token in lists.LARGE_NUMBERS
        if token == "one" and (not self._is_nominal(self.next)):
            return False
        return (is_word or token.isdecimal()) and not self.words

    def _is_determiner(self, token: str) -> bool:
        if token not in _DETERMINERS:
            return False
        return not (token == "other" and self.determiner) or token == "one"

    def _is_break(self, token: str) -> bool:
        if not token[0].isalnum():
            return True
        if token == "one" and not self._is_nominal(self.next):
            return True
        if token in _DETERMINERS or (token == "like" and not self.words):
            return token not in _DETERMINERS
        if token == "can" and (self.next in _PRONOUNS or verb_form(self.next) == "base"):
            return True
        if token in _BREAKS_ALWAYS or is_adverb(token):
            return True
        if token in lists.AFTER_NOUNS and self.words:
            return True
        if token in ("left", "right"):
            return self.next == "of"
        return self._is_verb(token)

    def _is_verb(self, token: str) -> bool:
        """Tell a verb from a noun or a participle that describes one, by what stands around it."""
        if token in lists.NOUNS_LIKE_PARTICIPLES and token.endswith("ing"):
            return bool(self.words) and _opens_a_phrase(self.next)
        if token in lists.IRREGULAR_VERBS:
            if token in lists.NOUNS_LIKE_VERBS and self._may_be_noun():
                return False
            return not (self.determiner and not self.words and self._is_nominal(self.next))
        if not self.words and self._is_order(token):
            return True
        form = verb_form(token)
        if form is None:
            return False
        if form in ("ing", "ed"):
            return self._is_participle_verb(token, form)
        if not self.words:
            return form == "s" and self._opens_a_clause()
        if all(map(is_known_adjective, self.words)):
            return False
        return self._is_third_person(token) if form == "s" else self._is_plural_verb(token)

    def _may_be_noun(self) -> bool:
        return self.next in _STOPS or not self.words

    def _opens_a_clause(self) -> bool:
        """Tell "a hedgehog that reads a book" from "plants on a shelf"."""
        if self.determiner not in ("", "that") or self.number is not None:
            return False
        told = bool(set(self.between[-1:]) & {"that", "which", "who"})
        return _opens_a_phrase(self.next) or told

    def _is_third_person(self, token: str) -> bool:
        """Tell "a man watches a dog" and "a nurse in scrubs pushes a bed" from "wrist watches"."""
        holder = self.chunks[-1] if self.chunks and self.between[-1:] == ["of"] else None
        one = self.number == 1 or (holder is not None and holder.number == 1)
        if one or _opens_a_phrase(self.next) or self.words[-1] in lists.PERSONS:
            return True
        if self.number is not None or token in lists.NOUNS_IN_S:
            return False
        return self.next not in _STOPS or token in _SEEN_ALONE

    def _is_plural_verb(self, token: str) -> bool:
        """Tell "two men sit at a table" from "a bus stop at a corner"."""
        head = self.words[-1]
        together = "and" in self.between[-3:] and bool(self.chunks)
        several = is_plural(head) or head in _PLURALS
        several = several or (together and token + "s" not in lists.NOUNS_IN_S)
        goes_on = self._is_nominal(self.next) and not self.next.endswith("ed")
        return several and not goes_on and (head, token) not in _COMPOUNDS

    def _is_order(self, token: str) -> bool:
        """Tell "Put two spoons" and "wearing glasses" from "stop sign", where a phrase begins."""
        if self.determiner or self.number is not None:
            return False
        is_infinitive = self.between[-1:] == ["to"]
        return (token in lists.ORDERS or is_infinitive) and (
            self.next in _DETERMINERS or self.next in NUMBERS or self.next in ("it", "me", "them")
        )

    def _is_participle_verb(self, token: str, form: str) -> bool:
        transitive = _base(token) in lists.TRANSITIVE and _base(token) not in lists.INTRANSITIVE
        if _opens_a_phrase(self.next) and self.words:
            return True
        if not self.words:
            after_be = bool(set(self.between[-1:]) & lists.BE)
            alone = not self.determiner and self.number is None
            if not self._is_nominal(self.next):
                return True
            if form == "ing" and alone and token not in lists.COMPOUND_PARTICIPLES:
                return transitive or after_be
            return alone and after_be
        if not self._is_nominal(self.next):
            return True
        described = all(map(looks_like_adjective, self.words))
        return not described or (transitive and form == "ing")

    def _is_nominal(self, token: str) -> bool:
        """Tell whether a token can go on with a noun phrase."""
        if not token[0].isalnum() or token in _DETERMINERS or token in _BREAKS_ALWAYS:
            return False
        return not is_adverb(token)


_ALSO_NOUNS = word_set(
    "orange cream silver gold square plastic leather metal light dark cold heat round"
)
_HYPHENATED_NOUNS = word_set("shirt shirts ray rays up ball dog board yo fi tv car")
_PRONOUNS = word_set("i you he she we they it")
_LY_NOUNS = word_set("lily fly butterfly dragonfly belly jelly family trolley bully holly")
_STOPS = frozenset([".", ",", ";", ":", "!", "?", ")", "]", "and", "or", "of", "\n"])
_PLURALS = word_set("people children men women sheep fish deer cattle police geese mice")
_COMPOUNDS = frozenset((("bus", "stop"), ("truck", "stop"), ("dogs", "bowl")))
_SEEN_ALONE = word_set("looks sits stands lies sleeps smiles walks runs waits flies jumps")


def chunks(text: str) -> list[Chunk]:
    """Return the noun phrases of a text in order."""
    return parse(text)[0]


def parse(text: str) -> tuple[list[Chunk], tuple[str, ...]]:
    """Return the noun phrases of a text in order, and the words and signs after the last."""
    plain = _TAG.sub(r"\1 ", text.lower().replace("\u2019", "'"))
    found = [_TOKEN.findall(line) for line in plain.splitlines()]
    tokens = [token for line in found for token in [*line, "\n"]]
    reader = _Reader(tokens)
    return reader.read(), tuple(reader.between)


def looks_like_adjective(word: str) -> bool:
    """Tell whether a word in lower case describes rather than names, by the lists and its end."""
    if word in ADJECTIVES or word in lists.OPINIONS or word in lists.MORE_ADJECTIVES:
        return True
    if "-" in word:
        return word.rpartition("-")[2] not in _HYPHENATED_NOUNS
    if word in lists.NOUNS_LIKE_ADJECTIVES or word in PAIRS or word in lists.NOT_THINGS:
        return False
    if word.endswith(("ing", "ed")):
        return verb_form(word) is not None
    return len(word) > 4 and word.endswith(lists.ADJECTIVE_ENDS)


def verb_form(word: str) -> str | None:
    """Return which form of a known verb a word in lower case is: "base", "s", "ing", "ed"; or None.

    Any word in -ing or -ed counts, but for the nouns that end so.
    """
    if word.endswith(("ing", "ed")) and len(word) > 3:
        known = word in lists.NOUNS_LIKE_PARTICIPLES
        return None if known else "ing" if word.endswith("ing") else "ed"
    verbs = lists.TRANSITIVE | lists.INTRANSITIVE
    if word in verbs:
        return "base"
    stems = (word[:-1], word[:-2], word[:-3] + "y") if word.endswith("s") else ()
    return "s" if any(stem in verbs for stem in stems) else None


def is_known_adjective(word: str) -> bool:
    """Tell a word that the lists know as no noun: "full" of "a bookshelf full of books"."""
    known = word in ADJECTIVES or word in lists.OPINIONS or word in lists.MORE_ADJECTIVES
    return known and word not in _ALSO_NOUNS


def is_adverb(word: str) -> bool:
    """Tell "slowly" from "lily" and "elderly"."""
    return word.endswith("ly") and word not in _LY_NOUNS and word not in ADJECTIVES


def _opens_a_phrase(token: str) -> bool:
    """Tell a determiner or a number, before which a noun phrase has ended."""
    return token in _DETERMINERS or token in NUMBERS or token.isdecimal()


def _base(word: str) -> str:
    """Return the base of a participle as far as the lists know it, else its stem."""
    stem = word[:-3] if word.endswith("ing") else word[:-2]
    verbs = lists.TRANSITIVE | lists.INTRANSITIVE
    doubled = stem[:-1] if len(stem) > 2 and stem[-1] == stem[-2] else stem
    for candidate in (stem, stem + "e", doubled, stem[:-1] + "y" if stem.endswith("i") else stem):
        if candidate in verbs:
            return candidate
    return stem


def _number(token: str) -> int:
    known = NUMBERS.get(token) or lists.LARGE_NUMBERS.get(token)
    return known if known is not None else min(int(token[:6]), 100_000)
