"""Physical things that a text names: their labels, how many, which colours, and how they stand.

    "Two dogs sit on a red sofa; soft light"

    label       noun    count   colours     relations
    dog         dog     2       -           on "red sofa"
    red sofa    sofa    1       red         -

Light, weather, mood, style and the image itself are not things; see :mod:`entity_words`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeseg.language import entity_words as lists
from edgeseg.language.inflection import PAIRS, is_plural, singular
from edgeseg.language.lexicon import COLOURS
from edgeseg.language.noun_chunks import Chunk, looks_like_adjective, parse

MAX_WORDS, MAX_CHARS = 12, 100
"""The longest noun phrase that names a thing."""
_POSSESSIVES = frozenset(["his", "her", "its", "their", "my", "your", "our"])
_SHOWS = frozenset(["of", "showing", "with", "where", "that", "depicting", "featuring"])
_CREDITS = ((",", "by"), ("painted", "by"), ("art", "by"), ("style", "by"))
_JOINS = frozenset(("and", "or", ",", "a", "an", "&"))


@dataclass(frozen=True)
class Mention:
    """A thing as one phrase names it; ``count`` is None where the text leaves it open.

    ``phrase`` is the label without its colours: a blue sofa is a sofa of another colour.
    ``chunk`` is its place among the noun phrases of the text.
    """

    label: str
    phrase: str
    noun: str
    count: int | None
    colours: tuple[str, ...]
    is_definite: bool
    is_another: bool
    chunk: int


def find_entities(text: str) -> list[Mention]:
    """Return the things that a text names, each description once, in order.

    What is named twice is one thing, unless the text says otherwise: "a monkey and another monkey"
    are two monkeys. "The sofa" is the red sofa of before.
    """
    return merge(mentions(text)[0])[0]


def mentions(text: str) -> tuple[list[Mention], list[Chunk], tuple[str, ...]]:
    """Return every mention of a thing, all noun phrases of the text, and the words after them."""
    found, tail = parse(text)
    made: list[Mention] = []
    skipped: set[int] = set()
    for index, chunk in enumerate(found):
        if index in skipped or _is_denied(found, index):
            continue
        chunk, taken = _with_members(found, index)
        skipped |= taken
        named = names_a_thing(chunk, _after(found, index), is_first=index == 0)
        if not named or _is_part_of_a_body(found, index):
            continue
        if len(chunk.words) > MAX_WORDS or len(" ".join(chunk.words)) > MAX_CHARS:
            # Not a noun phrase of anybody's, and no label either.
            continue
        made.append(_mention(chunk, max(taken, default=index)))
    return made, found, tail


def merge(every: Sequence[Mention]) -> tuple[list[Mention], dict[int, int]]:
    """Return mentions with the same description as one, and the entity of each noun phrase."""
    entities: list[Mention] = []
    place: dict[int, int] = {}
    for mention in every:
        at = _known(mention, entities)
        if at is None:
            place[mention.chunk] = len(entities)
            entities.append(mention)
            continue
        place[mention.chunk] = at
        known = entities[at]
        if mention.is_another and known.count is not None:
            entities[at] = replace(known, count=known.count + (mention.count or 1))
    return entities, place


def names_a_thing(chunk: Chunk, follows: str = "", *, is_first: bool = False) -> bool:
    """Tell whether a noun phrase names something that can be outlined in an image.

    ``follows`` is the word after it; the first phrase of "Close-up, a cat" is about the image.
    """
    noun = singular(chunk.head)
    is_bare = not chunk.determiner and chunk.number is None
    if noun in lists.MEDIA and (is_bare or is_first or follows in _SHOWS):
        return False
    if is_bare and chunk.between[-2:] in _CREDITS:
        # The name of an artist.
        return False
    if noun == "field" and "of" in chunk.between[-2:]:
        # "Depth of field"
        return False
    if noun in lists.NOT_THINGS:
        return bool(set(chunk.words[:-1]) & lists.MAKES_A_THING)
    return len(noun) > 1 and any(letter.isalpha() for letter in noun)


def _is_part_of_a_body(found: Sequence[Chunk], index: int) -> bool:
    """Tell "with green eyes and a long tail" from "a robot arm" and "a hand holding a phone"."""
    chunk = found[index]
    if singular(chunk.head) not in lists.PARTS_OF_BODIES:
        return False
    if not all(map(looks_like_adjective, chunk.words[:-1])):
        return False
    if chunk.determiner in _POSSESSIVES or set(chunk.between) & {"with", "of", "'s"}:
        return True
    return set(chunk.between) <= _JOINS and index > 0 and _is_part_of_a_body(found, index - 1)


def _is_denied(found: Sequence[Chunk], index: int) -> bool:
    """Tell "no people or cars": what the text does not want."""
    chunk = found[index]
    if chunk.determiner in lists.NONE or chunk.number == 0 or set(chunk.between[-2:]) & lists.NONE:
        return True
    joined = set(chunk.between) <= _JOINS and "or" in chunk.between
    return joined and index > 0 and _is_denied(found, index - 1)


def _after(found: Sequence[Chunk], index: int) -> str:
    rest = found[index + 1].between if index + 1 < len(found) else ()
    return rest[0] if rest else ""


def _with_members(found: Sequence[Chunk], index: int) -> tuple[Chunk, set[int]]:
    """Join "a pair of shoes" and "a cup of coffee" to one phrase, and say which were joined."""
    chunk = found[index]
    if _after(found, index) != "of" or index + 1 >= len(found):
        return chunk, set()
    inner = found[index + 1]
    noun = singular(chunk.head)
    if inner.between[0] != "of":
        return chunk, set()
    if noun in lists.QUANTITIES and not (noun in lists.CONTAINERS and not is_plural(inner.head)):
        two = noun in ("pair", "couple") and singular(inner.head) not in PAIRS
        number = 2 * (chunk.number or 1) if two and inner.head not in PAIRS else inner.number
        if inner.head in PAIRS and noun == "pair":
            number = chunk.number
        return replace(inner, number=number, determiner=inner.determiner or "some"), {index + 1}
    if noun in lists.CONTAINERS and names_a_thing(inner):
        words = (*_plain(chunk), "of", *_plain(inner))
        return replace(chunk, words=words), {index + 1}
    return chunk, set()


def _plain(chunk: Chunk) -> tuple[str, ...]:
    """Return the words of a phrase without opinions."""
    return (*(word for word in chunk.words[:-1] if word not in lists.OPINIONS), chunk.head)


def _mention(chunk: Chunk, index: int) -> Mention:
    if "of" in chunk.words:
        of = chunk.words.index("of")
        holder = chunk.words[:of]
        noun = singular(holder[-1])
        label = " ".join((*holder[:-1], noun, *chunk.words[of:]))
        several = is_plural(holder[-1])
        colours = split_colours((*holder[:-1], noun))[1]
    else:
        noun = chunk.head if chunk.head in PAIRS else singular(chunk.head)
        label = " ".join((*_plain(chunk)[:-1], noun))
        several = is_plural(chunk.head) and chunk.head not in PAIRS
        colours = split_colours((*chunk.words[:-1], noun))[1]
    if colours and len(chunk.between) > 1 and chunk.between[-1] == "and":
        # "a black and white cat"
        first = chunk.between[-2]
        if first in COLOURS:
            label, colours = f"{first} and {label}", (first, *colours)
    open_count = several or chunk.determiner in lists.MANY
    count = chunk.number if chunk.number is not None else None if open_count else 1
    return Mention(
        label=label,
        phrase=" ".join(split_colours(label.split())[0]),
        noun=noun,
        count=count,
        colours=colours,
        is_definite=chunk.determiner in ("the", "this", "that", "these", "those"),
        is_another=chunk.determiner in ("another", "other") or "other" in chunk.words,
        chunk=index,
    )


def split_colours(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the words of a noun phrase without its colours, and the colours.

    The last word stays, since "orange" may be the fruit, and so does a colour that names a kind.

    >>> split_colours("dark-red leather sofa".split())
    (['leather', 'sofa'], ('red',))
    >>> split_colours("black and white cat".split()), split_colours("old golden retriever".split())
    ((['cat'], ('black', 'white')), (['old', 'golden', 'retriever'], ()))
    """
    size = 2 if " ".join(words[-2:]) in lists.NAMED_BY_COLOUR else 1
    before, named = words[:-size], words[-size:]
    kept = [word for word in before if not set(word.split("-")) & COLOURS]
    if kept[:1] == ["and"]:
        del kept[0]
    parts = [part for word in before for part in word.split("-")]
    return [*kept, *named], tuple(dict.fromkeys(part for part in parts if part in COLOURS))


def _known(mention: Mention, entities: Sequence[Mention]) -> int | None:
    """Return which entity a mention names again."""
    for at, each in enumerate(entities):
        if each.label == mention.label:
            return at
    if mention.label != mention.noun or not (mention.is_definite or mention.is_another):
        return None
    again = [at for at, each in enumerate(entities) if each.noun == mention.noun]
    return again[-1] if again else None
