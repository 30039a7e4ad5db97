"""Tags of a prompt's tokens, and the sentence that the grammar reads in place of the prompt.

hey could you grab the cup (red) on the left pls
o   o     o   o    T   T    A   o  o   L     o       "red cup on the left"

T thing   A attribute   L left   o other; the first token of each thing also starts it
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from edgeseg.language.lexicon import DETERMINERS, NUMBERS, ORDINALS
from edgeseg.language.phrases import tidy, without_determiners, words

Tag = Literal[
    "other", "thing", "attribute", "relation", "related", "left", "right", "top", "bottom",
    "center", "front", "back", "ordinal", "count", "largest", "smallest", "exclusion", "excluded",
    "need",
]  # fmt: skip
TAGS: tuple[Tag, ...] = get_args(Tag)
# A word with its apostrophes and hyphens, or one sign.
TOKEN = re.compile(r"[^\W_]+(?:[-'\u2019][^\W_]+)*|[^\w\s]|_")
_PLACES = {
    "left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom",
    "center": "in the middle", "front": "in the foreground", "back": "in the background",
}  # fmt: skip
_OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top",
             "front": "back", "back": "front"}  # fmt: skip
_MOST = {"left": "leftmost", "right": "rightmost", "top": "topmost", "bottom": "bottommost",
         "center": "middle", "front": "nearest", "back": "furthest"}  # fmt: skip
_NAMES = tuple(ORDINALS)


@dataclass(frozen=True)
class Token:
    """A token of a prompt: its text, its tag, how sure that is, and whether a thing starts with it.

    ``place`` is the position of its first character in the prompt.
    """

    text: str
    tag: Tag
    starts: bool = False
    sureness: float = 1.0
    place: int = 0


@dataclass(frozen=True)
class TaggedThing:
    """The tokens of one thing, with all that chooses it; ``excluded`` is left out of the answer."""

    tokens: tuple[Token, ...]

    @property
    def excluded(self) -> bool:
        """Whether the thing is one to leave out."""
        return any(token.tag == "excluded" for token in self.tokens)

    @property
    def sureness(self) -> float:
        """Probability of the least sure of its tokens, 0 to 1, articles and the like aside."""
        told = [each.sureness for each in self.tokens if each.text.lower() not in DETERMINERS]
        return min(told, default=0.0)

    @property
    def noun_phrase(self) -> str:
        """What it is called, without what it stands to, wears or holds."""
        return without_determiners(tidy(_joined(self.tokens, ("thing", "excluded"))))

    @property
    def named(self) -> str:
        """What it is called, with attributes before its name and relations after it."""
        name = _joined(self.tokens, ("thing", "relation", "related", "excluded"))
        shades = _joined(self.tokens, ("attribute",))
        return without_determiners(tidy(f"{shades} {without_determiners(name)}"))

    def sentence(self) -> str:
        """Return the thing in words that the grammar reads: "second cup from the left"."""
        places = list(dict.fromkeys(t.tag for t in self.tokens if t.tag in _PLACES))
        sizes = [t.tag for t in self.tokens if t.tag in ("largest", "smallest")]
        rank = _rank([t.text for t in self.tokens if t.tag == "ordinal"])
        count = next(iter(words(_joined(self.tokens, ("count",)))), "")
        count = "" if count in ("one", "1") else count
        name = self.named
        if sizes:
            nth = _NAMES[rank - 1] if 1 < rank <= len(_NAMES) else ""
            name = tidy(f"{count} {nth} {sizes[0]} {name}")
        elif rank and len(places) == 1 and places[0] != "center":
            side = _OPPOSITE[places[0]] if rank < 0 else places[0]
            nth = _NAMES[min(abs(rank), len(_NAMES)) - 1]
            return f"{nth} {name} from the {side}"
        elif count and len(places) == 1:
            return f"{count} {_MOST[places[0]]} {name}"
        elif count:
            name = f"{count} {name}"
        vertical = [p for p in places if p in ("top", "bottom")]
        across = [p for p in places if p in ("left", "right")]
        if vertical and across:
            return f"{name} at the {vertical[0]} {across[0]}"
        return f"{name} {_PLACES[places[0]]}" if places else name


def things_of(tokens: Sequence[Token]) -> list[TaggedThing]:
    """Return the things of a tagged prompt in order, each with the tokens from its start on.

    Tokens before the first start belong to the first thing.
    """
    groups: list[list[Token]] = []
    starts = True
    for token in tokens:
        # "All of the cats" starts with a word that is dropped.
        starts |= token.starts
        if token.tag in ("other", "exclusion", "need"):
            continue
        if not groups or (starts and _is_named(groups[-1])):
            groups.append([])
        starts = False
        groups[-1].append(token)
    return [TaggedThing(tuple(group)) for group in groups if _is_named(group)]


def sentence_of(things: Sequence[TaggedThing]) -> str:
    """Return what is asked for as the grammar reads it: "cup on the left . dogs except puppies".

    No thing: the empty text. With nothing asked for, what is excluded is left out of everything.
    """
    asked = [thing.sentence() for thing in things if not thing.excluded]
    left_out = [thing.sentence() for thing in things if thing.excluded]
    if not left_out:
        return " . ".join(asked)
    asked = asked or ["everything"]
    asked[-1] = f"{asked[-1]} except {' and '.join(left_out)}"
    return " . ".join(asked)


def need_of(tokens: Sequence[Token]) -> str:
    """Return the words that say what is needed, as they stand in the prompt."""
    return _joined(tokens, ("need",))


def tokenize(prompt: str) -> Iterator[re.Match[str]]:
    """Yield the tokens of a prompt, words and single signs, in order."""
    return TOKEN.finditer(prompt)


def _is_named(tokens: Sequence[Token]) -> bool:
    return any(token.tag in ("thing", "excluded") for token in tokens)


def _joined(tokens: Sequence[Token], tags: Sequence[str]) -> str:
    """Join tokens of some tags with single spaces, signs to the word before them."""
    text, end = "", -1
    for token in tokens:
        if token.tag in tags:
            glued = token.place == end and (not token.text[0].isalnum() or text[-1:] in "&'\u2019")
            text += token.text if glued or not text else f" {token.text}"
            end = token.place + len(token.text)
    return text


def _rank(ordinals: Sequence[str]) -> int:
    """Return the place that ordinals give, 0 without one; from the other end it is negative."""
    tokens = [word for text in ordinals for word in words(text)]
    from_end = "last" in tokens or "penultimate" in tokens
    for token in tokens:
        digits = re.match(r"\d{1,2}", token)
        place = ORDINALS.get(token) or NUMBERS.get(token) or (int(digits[0]) if digits else 0)
        if place:
            return -place if from_end else place
    return (-2 if "penultimate" in tokens else -1) if from_end else 0
