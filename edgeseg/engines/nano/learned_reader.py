"""What the prompt tagger makes of a prompt that the rules cannot read, for the rules to judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeseg.engines.nano.tagger import MAX_TOKENS, shipped_tagger
from edgeseg.language.doubts import is_doubtful
from edgeseg.language.inflection import is_plural
from edgeseg.language.lexicon import DETERMINERS, EVERYONE, EVERYTHING, RELATIVES, word_set
from edgeseg.language.phrases import head, words
from edgeseg.language.questions import names_a_thing
from edgeseg.language.tags import TaggedThing, Token, need_of, sentence_of, things_of, tokenize

# Probability of the least sure token of a thing.
MIN_SURENESS = 0.45
# The same where the rules have found something else, what serves a need, and for unknown words.
MIN_SURENESS_OF_NAME = 0.8
# What may stand between a thing and what it stands to, and can be left out.
_SAYS_NOTHING = DETERMINERS | RELATIVES | word_set("is are was were that's who's , ( )")
_POINTS = "|".join(sorted(DETERMINERS - {"a", "an", "some", "any"}))
_ASKS_WHICH = re.compile(r"\b(?:where|what|which|how|why|who|whose|when)\b", re.IGNORECASE)
# Asks for no thing, whatever it names: "why is the sky blue".
_ASKS_FACT = re.compile(
    r"\s*(?:so\s+|but\s+)?(?:why|when|who|whose|whom|did|does|was|were|am|has|have|explain|will)\b|"
    r"\s*(?:is|are)\s+(?!there\b|that\b|those\b|it\b|this\b|you\b|we\b)",
    re.IGNORECASE,
)
# "Cars that aren't moving" are not all cars.
_NOT_SO = re.compile(
    r"\w\s+(?:that|which|who)\s+(?:\w+\s+not|\w+n['\u2019]?t|never)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class LearnedReading:
    """A prompt in words that the grammar reads, or a need; ``sureness`` is from 0 to 1.

    ``is_pointed_at`` says that each thing is asked for as "the phone" or the like.
    """

    sentence: str = ""
    need: str = ""
    sureness: float = 0.0
    is_pointed_at: bool = False

    @property
    def is_a_name(self) -> bool:
        """Whether the prompt surely names its things, though something may serve as a need."""
        return self.is_pointed_at and self.sureness >= MIN_SURENESS_OF_NAME


class LearnedReader:
    """Reads prompts token by token; ``knows`` tells whether a word is known."""

    def __init__(self, knows: Callable[[str], bool]) -> None:
        self._knows = knows

    def read(self, prompt: str) -> LearnedReading | None:
        """Return what the tagger reads; None where that names nothing, or nothing known."""
        if _ASKS_FACT.match(prompt) or len(list(tokenize(prompt))) > MAX_TOKENS:
            return None
        tokens = shipped_tagger().tag(prompt)
        things = things_of(tokens)
        if not things:
            need = need_of(tokens)
            return LearnedReading(need=need) if need else None
        if not self._are_named(things) or any(_is_torn(thing, tokens) for thing in things):
            return None
        left_out = [thing for thing in things if thing.excluded]
        if not left_out and _NOT_SO.search(prompt):
            return None
        # "Do not enter sign" is a name; "no cats" and "not the cat" leave out.
        if len(left_out) == len(things) and not all(_is_said_of(t, prompt) for t in left_out):
            return None
        # "Change the curtains to green": a stray word of a need does not outweigh what is named.
        tags = [token.tag for token in tokens]
        sureness = min(thing.sureness for thing in things)
        if sureness < MIN_SURENESS or tags.count("need") > tags.count("thing"):
            return None
        is_pointed_at = all(_is_pointed_at(thing, prompt) for thing in things)
        return LearnedReading(sentence_of(things), sureness=sureness, is_pointed_at=is_pointed_at)

    def _are_named(self, things: Sequence[TaggedThing]) -> bool:
        return all(self._is_named(thing) for thing in things)

    def _is_named(self, thing: TaggedThing) -> bool:
        name = thing.noun_phrase
        noun = head(name)
        if noun in EVERYTHING | EVERYONE or (thing.excluded and noun in ("one", "ones")):
            return True
        known = all(map(self._knows, words(thing.named))) or thing.sureness >= MIN_SURENESS_OF_NAME
        return bool(noun) and known and not is_doubtful(name) and names_a_thing(name)


def asks_which(prompt: str) -> bool:
    """Tell whether a prompt asks for a thing by what it does: "what can i cut the bread with"."""
    return _ASKS_WHICH.search(prompt) is not None


def _is_torn(thing: TaggedThing, tokens: Sequence[Token]) -> bool:
    """Tell whether words that may matter are left out inside a phrase: "kids not on bikes"."""
    places = [t.place for t in thing.tokens if t.tag in ("thing", "relation", "related")]
    inside = [t for t in tokens if places and places[0] < t.place < places[-1]]
    dropped = [token for token in inside if token.tag in ("other", "need")]
    return any(token.text.lower() not in _SAYS_NOTHING for token in dropped)


def _is_pointed_at(thing: TaggedThing, prompt: str) -> bool:
    first = re.escape(thing.named.split()[0])
    return re.search(rf"\b(?:{_POINTS})\s+{first}\b", prompt, re.IGNORECASE) is not None


def _is_said_of(thing: TaggedThing, prompt: str) -> bool:
    return is_plural(head(thing.noun_phrase)) or _is_pointed_at(thing, prompt)
