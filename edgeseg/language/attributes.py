"""Colours and relations that a phrase states, as filters that pixels, boxes and masks can check.

    "blue cup"                     colour blue of "blue cup"
    "person with red shirt"        relation with "red shirt", and colour red of "red shirt"
    "cup on the table"             relation on "table"; the detector is asked for "cup"
    "person without helmet"        relation with "helmet", negated

The phrase itself stays as it is: it is the label of what is found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edgeseg.language.inflection import is_plural, singular
from edgeseg.language.lexicon import ADJECTIVES, DETERMINERS, NUMBERS, PEOPLE, word_set
from edgeseg.language.phrases import head, tidy, without_determiners, words
from edgeseg.schemas import Filter, FilterRelation

BASIC_COLOURS = word_set("black white grey red orange yellow green blue purple pink brown")
_MAX_WORDS = 12

# Words of a relation, longest first; "not" or "no" makes it a negation.
_CUES: tuple[tuple[str, FilterRelation, bool], ...] = (
    (r"(?:to |on |at )?(?:the )?left(?:[- ]hand)?(?: side)? of", "left_of", False),
    (r"(?:to |on |at )?(?:the )?right(?:[- ]hand)?(?: side)? of", "right_of", False),
    (r"(?:nearest|closest) to|nearest|closest", "nearest_to", False),
    (r"on top of|atop|upon|riding(?: on)?|on", "on", False),
    (r"in front of|before", "in_front_of", False),
    (r"next to|close to|side by side with|beside|alongside|near|by", "next_to", False),
    (r"in back of|behind", "behind", False),
    (r"not wearing(?: any)?|wearing no", "wearing", True),
    (r"wearing|dressed in", "wearing", False),
    (r"not (?:holding|carrying)(?: any)?|(?:holding|carrying) no", "holding", True),
    (r"holding|carrying", "holding", False),
    (r"without(?: any)?|with no|with out|(?:that|who) (?:has|have) no", "with", True),
    (r"with|having|(?:that|who) (?:has|have)", "with", False),
    (r"inside(?: of)?|within|in", "in", False),
    (r"underneath|beneath|under|below", "under", False),
    (r"above|over", "above", False),
)  # fmt: skip
_CUE = re.compile(
    r"(?<=\s)(?:" + "|".join(f"(?P<c{i}>{cue[0]})" for i, cue in enumerate(_CUES)) + r")(?=\s)",
    re.IGNORECASE,
)
# What stands before a relation and says nothing that boxes could show.
_POSTURE = re.compile(
    r"\s+(?:(?:that|which|who) (?:is|are)|sitting|standing|lying|resting|parked|placed|hanging|"
    r"located|sleeping|that's|is|are|and|but|,)\s*$",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"(?:\s+(?:that|which|who))?\s+(?:(?:is|are|do|does)\s+not|(?:is|are|do|does)n['\u2019]?t|not)$",
    re.IGNORECASE,
)
# What no detector draws a box round, or what is a place in an image, or a look.
_NO_OBJECTS = word_set(
    "sky water air sea ocean snow sand grass ground floor lake river street road field hill nature "
    "background foreground middle center centre top bottom side left right front back image photo "
    "picture scene distance corner edge way love motion action general "
    "shade shadow dark rain sun sunlight row line group pair crowd pattern stripes stripe dots "
    "spots print style colour color hair beard smile eyes eye skin face texture handle "
    "moon cob waiting it them him her us me you this that one ones which what"
)
_CLOTHES = word_set(
    "shirt t-shirt tshirt top dress skirt suit tie hat cap helmet coat jacket jeans trousers pants "
    "shorts sweater jumper hoodie cardigan blouse vest uniform clothes clothing outfit gown robe "
    "scarf gloves glasses sunglasses shoes boots sneakers socks apron bikini swimsuit costume "
    "overalls kimono sari mask raincoat backpack jersey polo leggings tights heels sandals mittens"
)
# A colour that is part of a name, or that the thing need not have.
_NAMES = {
    "white": word_set("wine bread rice chocolate house noise pepper cabbage bean meat tea flag"),
    "red": word_set("wine panda onion cabbage meat squirrel deer kite cross light head velvet"),
    "green": word_set("tea house light card screen onion thumb bean belt"),
    "black": word_set("tea bear pepper belt widow hole eye market box bean"),
    "brown": word_set("bread rice bear sugar"),
    "blue": word_set("jay whale cheese tit heron shark ray moon"),
    "orange": word_set("juice tree peel slice soda marmalade segment zest"),
    "yellow": word_set("pages light card"),
    "grey": word_set("wolf whale squirrel heron area"),
    "pink": word_set("panther salmon"),
    "purple": word_set("cabbage heart"),
}
_LIGHTS = word_set("light lights traffic")
_SPOKEN = word_set(
    "what which who whose where when why how is are was were do does did can could would should "
    "will i we you he she they there something someone anything find show"
)


@dataclass(frozen=True)
class Attributes:
    """Filters of one phrase, and a sentence for each."""

    filters: list[Filter] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_attributes(phrase: str, prompt: str) -> Attributes:
    """Return the filters that a phrase of a prompt states; none for what pixels cannot show.

    >>> [each.colour for each in read_attributes("light blue cup", "light blue cup").filters]
    ['light blue']
    >>> one = read_attributes("cup on the table", "a cup on the table").filters[0]
    >>> one.subject, one.relation, one.other
    ('cup', 'on', 'table')
    """
    tokens = words(phrase)
    if not 2 <= len(tokens) <= _MAX_WORDS or tokens[0] in _SPOKEN:
        return Attributes()
    cues = list(_CUE.finditer(phrase))
    before = phrase[: cues[0].start()] if cues else phrase
    # "Kids who are not on bikes"
    is_not = cues and _NOT.search(before.rstrip()) is not None
    named = _bare(_NOT.sub("", before.rstrip())) if cues else phrase
    found = Attributes()
    if not _is_thing(named):
        return found
    _add_colour(found, named, phrase)
    for number, cue in enumerate(cues):
        kind, negated = _cue(cue)
        negated ^= not number and bool(is_not)
        # "dog next to the man with a hat": whose hat it is stays open.
        if number and not negated:
            break
        end = cues[number + 1].start() if number + 1 < len(cues) else len(phrase)
        for other in _others(phrase[cue.end() : end]):
            _add_relation(found, kind, negated, other, (phrase, named, prompt))
    return found


def colour_of(noun_phrase: str) -> str | None:
    """Return the one basic colour that a noun phrase gives its noun, with light or dark.

    None for several colours, for people and for names such as "red wine".

    >>> [colour_of(each) for each in ("black and white cat", "red wine", "black man")]
    [None, None, None]
    >>> colour_of("big dark green bottle")
    'dark green'
    """
    tokens = [_colour_word(each) for each in words(noun_phrase.replace("-", " "))]
    last = words(head(noun_phrase).replace("-", " "))[-1:]
    if not last or last[0] not in tokens or last[0] in PEOPLE:
        return None
    noun, before = singular(last[0]), tokens[: tokens.index(last[0])]
    colours = [each for each in before if each in BASIC_COLOURS]
    if len(colours) != 1:
        return None
    colour = colours[0]
    if noun in _NAMES[colour] or set(tokens) & _LIGHTS - {"light"} or noun == "light":
        return None
    place = before.index(colour)
    shade = before[place - 1] if place and before[place - 1] in ("light", "dark") else ""
    return f"{shade} {colour}".strip()


def _colour_word(word: str) -> str:
    return "grey" if word == "gray" else word


def _cue(cue: re.Match[str]) -> tuple[FilterRelation, bool]:
    number = int((cue.lastgroup or "c0")[1:])
    return _CUES[number][1], _CUES[number][2]


def _bare(text: str) -> str:
    """Return what a relation is said of, without "that is", "sitting" and the like."""
    bare = text.strip(" ,")
    while (shorter := _POSTURE.sub("", bare).strip(" ,")) != bare:
        bare = shorter
    return without_determiners(tidy(bare))


def _is_thing(text: str) -> bool:
    """Tell whether a text names a thing, by a noun of its own."""
    noun, tokens = head(text), words(text)
    is_doing = len(tokens) > 1 and tokens[-1].endswith("ing") and tokens[-2] in PEOPLE
    # A "light" alone is no thing that a detector knows; a "traffic light" is.
    is_vague = noun in _NO_OBJECTS | DETERMINERS or (len(tokens) == 1 and noun in ADJECTIVES)
    return bool(noun) and not is_doing and not is_vague and not set(tokens) <= ADJECTIVES


def _others(text: str) -> list[str]:
    """Return the things that stand after a relation: "hat", "glasses" of "a hat and glasses"."""
    whole = re.split(r"\b(?:that|which|who|where)\b", tidy(text))[0]
    parts = re.split(r"\s+and\s+(?:an?\s+|the\s+)?|\s*,\s*(?:and\s+)?", whole)
    if not all(map(_is_thing, map(without_determiners, parts))):
        parts = [whole]
    found = []
    for part in parts:
        other = _bare(part)
        tokens = words(other)
        is_counted = any(each in NUMBERS or each.isdecimal() for each in words(part))
        is_place = singular(head(other)) in _NO_OBJECTS or bool(set(tokens) & _PLACES)
        if len(tokens) <= 5 and _is_thing(other) and not is_counted and not is_place:
            found.append(other)
    return found


_PLACES = word_set("middle side background foreground top bottom left right center centre")


def _add_relation(
    found: Attributes,
    kind: FilterRelation,
    negated: bool,
    other: str,
    said: tuple[str, str, str],
) -> None:
    phrase, named, prompt = said
    worn = {head(other), singular(head(other))} & _CLOTHES
    if worn and kind == "in":
        kind = "wearing"
    # "The dog next to the door" is one dog; "dogs next to the door" are all that stand there.
    definite = re.search(rf"\bthe\s+{re.escape(named)}\b", prompt, re.IGNORECASE)
    if kind == "next_to" and definite and not is_plural(head(named)):
        kind = "nearest_to"
    subject = None if named.casefold() == phrase.casefold() else named
    _add_colour(found, other, other)
    found.filters.append(
        Filter(
            kind="relation", phrase=phrase, relation=kind, other=other,
            subject=subject, negated=negated,
        )
    )  # fmt: skip
    how = "without" if negated and kind == "with" else kind.replace("_", " ")
    how = f"not {how}" if negated and kind != "with" else how
    found.notes.append(f"“{named}” {how} “{other}” is checked by boxes and masks.")


def _add_colour(found: Attributes, noun_phrase: str, label: str) -> None:
    colour = colour_of(noun_phrase)
    if colour is not None:
        found.filters.append(Filter(kind="colour", phrase=label, colour=colour))
        found.notes.append(f"The colour of “{noun_phrase}” is checked by its pixels.")
