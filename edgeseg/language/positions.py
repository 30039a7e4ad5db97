"""Positional words of a noun phrase, turned into filters over boxes and taken out of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import cast

from edgeseg.language import lexicon
from edgeseg.language import place_patterns as patterns
from edgeseg.language.inflection import means_several
from edgeseg.language.phrases import EDGES, head, tidy, words
from edgeseg.schemas import Filter, FilterKind, Side

_PLACES: dict[str, tuple[FilterKind, Side | None]] = {
    "left": ("leftmost", "left"),
    "right": ("rightmost", "right"),
    "top": ("topmost", "top"),
    "upper": ("topmost", "top"),
    "bottom": ("bottommost", "bottom"),
    "lower": ("bottommost", "bottom"),
    "middle": ("center", "center"),
    "center": ("center", "center"),
    "front": ("front", None),
    "foreground": ("front", None),
    "camera": ("front", None),
    "back": ("back", None),
    "rear": ("back", None),
    "background": ("back", None),
}
_SIDES: dict[str, Side] = {"leftmost": "left", "rightmost": "right", "topmost": "top"}
_SIDES |= {"bottommost": "bottom", "center": "center"}

_FRONT_NOUNS = lexicon.PEOPLE | lexicon.word_set(
    "dog cat horse bird cow sheep elephant duck car truck bus bike motorcycle boat train runner "
    "row vehicle animal animals dogs cats cars cyclist soldier swimmer zebra giraffe bear"
)

_NO_THINGS = (
    lexicon.SUPERLATIVES.keys()
    | lexicon.DETERMINERS
    | lexicon.word_set("corner half side part edge area section end row that is are which who")
)
_LAST = re.compile(r"^(?:the\s+)?(?:last|only|single)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class _Found:
    """One positional expression: a ranking ("largest") or a place ("on the left")."""

    kind: FilterKind
    side: Side | None = None
    rank: int | None = None
    count: int | None = None


@dataclass(frozen=True)
class Positioned:
    """A phrase without its positional words, the filters they mean, and the words themselves."""

    phrase: str
    filters: list[Filter] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)


def take_positions(phrase: str) -> Positioned:
    """Turn the positional words of one noun phrase into filters (for any phrase, unnamed).

    >>> for text in ("the second cup from the left", "people on the left", "red top"):
    ...     found = take_positions(text)
    ...     print(found.phrase, [one.model_dump(exclude_defaults=True) for one in found.filters])
    cup [{'kind': 'leftmost', 'rank': 2}]
    people [{'kind': 'side', 'side': 'left'}]
    red top []

    A place ranks one object ("the cup on the left": leftmost) and halves the image for several
    ("people on the left": side left). Words that only look positional stay in the phrase.
    """
    rest = patterns.compiled(r"\bcentre\b").sub(
        "center", patterns.SPLIT_MOST.sub(r"\1most", tidy(phrase))
    )
    if re.search(r"\b(?:left|top|front)\s+(?:and|or|to)\s+(?:right|bottom|back)\b", rest.lower()):
        return Positioned(phrase)
    positions: list[_Found] = []
    taken: list[str] = []
    for _ in range(4):
        step = _ordinal_from(rest) or _from(rest) or _near(rest) or _aside(rest) or _at(rest)
        step = step or _corner(rest) or _before(rest)
        if step is None:
            break
        shorter, items = step
        taken.append(_difference(rest, shorter))
        positions.extend(items)
        rest = shorter
    rest = _LAST.sub("", rest)
    if not positions or set(words(rest)) <= _NO_THINGS:
        return Positioned(phrase)
    count, rest = _take_count(re.sub(patterns.IMAGE[:-1] + r"\s*$", "", rest, flags=re.IGNORECASE))
    several = means_several(head(rest))
    filters = _filters(positions, count, several)
    if filters is None:
        return Positioned(phrase)
    return Positioned(tidy(rest), filters, taken)


def _filters(positions: list[_Found], count: int | None, several: bool) -> list[Filter] | None:
    """Places first, then rankings; ``None`` when "people in the background" says no number."""
    corner = sum(item.side is not None for item in positions) > 1
    places = [item for item in positions if item.side is not None or item.rank is None]
    rankings = [item for item in positions if item not in places]
    filters: list[Filter] = []
    for item in places:
        number = item.count or count
        halves = item.side is not None and (rankings or corner or (several and number is None))
        if halves:
            filters.append(Filter(kind="side", side=item.side))
        elif several and number is None:
            return None
        else:
            filters.append(Filter(kind=item.kind, count=number or 1))
    for item in rankings:
        number = item.count or count
        side = _SIDES.get(item.kind)
        if several and number is None and item.rank == 1 and side is not None:
            filters.append(Filter(kind="side", side=side))
        else:
            # "The largest dogs" are more than one; two is the least that the words allow.
            default = 2 if several and item.rank == 1 else 1
            filters.append(Filter(kind=item.kind, rank=item.rank or 1, count=number or default))
    return filters


def _take_count(rest: str) -> tuple[int | None, str]:
    match = patterns.COUNT.match(rest)
    if match and means_several(head(match["rest"])):
        return _number(match["count"]), match["rest"]
    return None, rest


def _number(text: str) -> int:
    word = text.strip().lower()
    return lexicon.NUMBERS.get(word) or int(word)


def _rank(text: str | None) -> int:
    if not text:
        return 1
    word = text.lower()
    return lexicon.ORDINALS.get(word) or max(1, int(word[:-2]))


def _kind(word: str) -> FilterKind:
    return cast(FilterKind, lexicon.SUPERLATIVES[word.lower()])


def _places(match: re.Match[str]) -> list[_Found]:
    names = [match["vertical"], match["place"]]
    return [_Found(*_PLACES[name.lower()]) for name in names if name]


def _cut(text: str, match: re.Match[str]) -> str:
    return tidy(text[: match.start()] + " " + text[match.end() :])


def _ordinal_from(text: str) -> tuple[str, list[_Found]] | None:
    match = patterns.ORDINAL_FROM.match(text)
    if match is None:
        return None
    kind, _ = _PLACES[match["place"].lower()]
    count = _number(match["count"]) if match["count"] else None
    rest = tidy(match["rest"] + text[match.end() :])
    return rest, [_Found(kind, None, _rank(match["ordinal"]), count or 1)]


def _from(text: str) -> tuple[str, list[_Found]] | None:
    match = patterns.FROM.search(text)
    if match is None:
        return None
    kind, _ = _PLACES[match["place"].lower()]
    rank = int(match["number"]) if match["number"] else _rank(match["ordinal"])
    return _cut(text, match), [_Found(kind, None, max(1, rank), 1)]


def _near(text: str) -> tuple[str, list[_Found]] | None:
    match = patterns.NEAR.search(text)
    if match is None:
        return None
    target = match["target"].lower()
    kind = _kind(match["word"])
    if target in _PLACES and target != "camera":
        kind = _PLACES[target][0]
    return _cut(text, match), [_Found(kind, None, 1)]


def _aside(text: str) -> tuple[str, list[_Found]] | None:
    match = patterns.PREDICATE.search(text)
    rank = _rank(match["ordinal"]) if match else 1
    match = match or patterns.ASIDE.search(text)
    if match is None or match.start() == 0:
        return None
    return _cut(text, match), [_Found(_kind(match["word"]), None, rank)]


def _at(text: str) -> tuple[str, list[_Found]] | None:
    match = patterns.AT.search(text)
    if match is None:
        return None
    place, before = match["place"].lower(), words(text[: match.start()])
    sideways = place in {"left", "right"}
    inside = {"with", "of", "holding", "wearing", "carrying", "has", "no", "only"} & set(before)
    if inside and not sideways:
        return None
    if match["prep"].lower() in {"on", "by"} and place in {"front", "back", "rear"}:
        return None
    if not before or before[-1] in {"turn", "keep", "look", "go"}:
        return None
    return _cut(text, match), _places(match)


def _corner(text: str) -> tuple[str, list[_Found]] | None:
    match = patterns.CORNER.match(text)
    if match is None or _opens_a_name(match["place"], match["rest"]):
        return None
    if match["vertical"] is None and "-hand" not in text[: match.start("rest")].lower():
        return None
    return tidy(match["rest"]), _places(match)


def _before(text: str) -> tuple[str, list[_Found]] | None:
    match = patterns.BEFORE.match(text)
    if match is None or _opens_a_name(match["word"], match["rest"]):
        return None
    number = match["count"] or match["after"]
    several = _number(number) if number else 1 if match["of"] else None
    kind = _kind(match["word"])
    item = _Found(kind, None, _rank(match["ordinal"]), several)
    rest = patterns.TO_CAMERA.sub("", match["rest"]) if kind in {"front", "back"} else match["rest"]
    return tidy(rest), [item]


def _opens_a_name(word: str, rest: str) -> bool:
    """Tell whether "left", "top" ... belong to a name: "left hand", "top hat", "closest to me"."""
    following = words(rest)
    first = following[0] if following else ""
    blocked = lexicon.NOT_PLACES.get(word.lower(), frozenset())
    blocked = blocked | lexicon.PREPOSITIONS | frozenset(("than", "and", "or", "to"))
    if word.lower() in {"left", "right", "upper", "lower"} and head(rest) in lexicon.PARTS:
        return True
    if word.lower() in {"front", "back", "rear"}:
        return head(rest) not in _FRONT_NOUNS
    return not first or first in blocked


def _difference(longer: str, shorter: str) -> str:
    """Return the words that a step took away, for the reason given to the caller."""
    old, new = longer.split(), shorter.split()
    before, after = ([word.strip(EDGES) for word in side] for side in (old, new))
    steps = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    left = [word for kind, start, end, _, _ in steps if kind != "equal" for word in old[start:end]]
    while left and left[0].lower() in lexicon.ARTICLES:
        del left[0]
    return tidy(" ".join(left))
