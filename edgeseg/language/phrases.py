"""Noun phrases: their words, their head noun, and lists of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from edgeseg.language.inflection import is_plural
from edgeseg.language.lexicon import (
    ADJECTIVES,
    ARTICLES,
    COLOURS,
    DETERMINERS,
    NUMBERS,
    ORDINALS,
    PARTICIPLES,
    PREPOSITIONS,
    RELATIVES,
    SUPERLATIVES,
    word_set,
)
from edgeseg.language.punctuation import plain_punctuation

WORD = re.compile(r"[^\W_]+(?:[-'\u2019][^\W_]+)*")
EDGES = ' \t\r\n.,;:!?"“”()[]{}'
ABBREVIATIONS = word_set("mr mrs ms dr st jr sr vs no prof mt ft")
# Dots, semicolons, bars and line ends separate phrases; so do commas, but those need a look.
DOT = re.compile(
    r"\s+\.+(?=\s|$)|(?<=[^\W_])\.+(?=\s|$)|"
    r"(?<=[\u3040-\u9fff\uac00-\ud7af])\.(?=[\u3040-\u9fff\uac00-\ud7af])|\u3002|"
    r"(?<=[a-z]{3})\.(?!(?:jpe?g|png|gif|webp|tiff?|bmp|com|org|net)\b)(?=[a-z]{3})|(?<=[?!])\s+(?=\w)|[;|\n]+"
)
COMMA = re.compile(r"\s*,\s*(?:(?:and|or)\s+)?|\s+/\s+|(?<=[a-z]{3})/(?=[a-z]{3})", re.IGNORECASE)
JOINT = re.compile(r"\s+(?:and|or|&|\+|as well as)\s+", re.IGNORECASE)
_LIST_ENDS = re.compile(
    r",?\s+(?:etc|and so on|and more|too|as well)\.?$|,\s*etc\.?$", re.IGNORECASE
)
# One thing, or one idea, that is called by two names.
COMPOUNDS = re.compile(
    r"\b(?:salt and pepper (?:shaker|mill|set)|mac(?:aroni)? and cheese|fish and chips|"
    r"bed and breakfast|rock and roll|bow and arrow|mortar and pestle|hide and seek|"
    r"peanut butter and jelly|ham and cheese|tic and toe|lost and found|arts and crafts|"
    r"rhythm and blues|bacon and eggs sandwich|track and field|stars and stripes|"
    r"(?:mr|mrs|ms|dr|prof)\.? and (?:mr|mrs|ms|dr|prof)\.? \w+|"
    r"hammer and sickle|lock and key|nuts and bolts|home and garden)\b",
    re.IGNORECASE,
)
PLACES = SUPERLATIVES.keys() | ORDINALS.keys() | PREPOSITIONS | {"one", "side", "camera"}
NOUN_COLOURS = word_set("orange cream silver gold")
ATTRIBUTES = re.compile(r"\b(?:with|wearing|holding|carrying|of|dressed|in)\b", re.IGNORECASE)


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, with plain apostrophes."""
    return [w.replace("\u2019", "'") for w in WORD.findall(text.lower())]


def tidy(text: str) -> str:
    """Return the text with single spaces and without punctuation at its ends."""
    return " ".join(text.split()).strip(EDGES)


def without_determiners(phrase: str) -> str:
    """Return the caller's words without leading articles, possessives and numbers.

    Some stay, because they belong to the name: "one way sign", "two wheeler", "all terrain bike".
    """
    parts = phrase.split()
    plural = bool(parts) and is_plural(head(phrase))
    while len(parts) > 1:
        first = parts[0].lower()
        counted = plural and (first in NUMBERS or re.fullmatch(r"\d{1,2}", first) is not None)
        if (
            first in ARTICLES
            or counted
            or (
                first in DETERMINERS
                and (first not in {"all", "both"} or plural or (parts[1].lower() in DETERMINERS))
            )
            or (first == "of" and parts[1].lower() in DETERMINERS)
        ):
            del parts[0]
        else:
            break
    return " ".join(parts)


def head(phrase: str) -> str:
    """Return the noun that a phrase is about, in lower case: "dog" of "red dog on the couch"."""
    noun = ""
    for word in words(phrase):
        opens = word in PREPOSITIONS or word in PARTICIPLES or word in RELATIVES
        if noun and opens:
            break
        noun = word
    return noun


def modifiers(phrase: str) -> list[str]:
    """Return the words of a phrase that describe its head noun, in lower case."""
    rest = words(without_determiners(phrase))
    noun = head(phrase)
    if noun in rest:
        rest.remove(noun)
    return rest


def split_dots(prompt: str) -> list[str]:
    """Split "a . b . c ." at separators that can be nothing else; abbreviations stay whole."""
    prompt = plain_punctuation(prompt)
    pieces: list[str] = []
    start = 0
    for match in DOT.finditer(prompt):
        before = words(prompt[start : match.start()])
        # One letter is an initial; one sign of Chinese or Japanese is a word.
        initial = before and len(before[-1]) == 1 and before[-1] < "\u3040"
        short = before and (initial or before[-1] in ABBREVIATIONS)
        if match.group() == "." and short and match.end() < len(prompt):
            continue
        pieces.append(prompt[start : match.start()])
        start = match.end()
    pieces.append(prompt[start:])
    parts = [_stripped(" ".join(piece.split())) for piece in pieces]
    return [piece for piece in parts if words(piece)]


def _stripped(piece: str) -> str:
    """Return a piece without signs at its ends; a question mark stays, and so do bracket pairs."""
    bare = piece.strip(EDGES.replace("?", "").replace("(", "").replace(")", ""))
    return bare if bare.count("(") == bare.count(")") else bare.strip("()")


def split_phrases(prompt: str) -> list[str]:
    """Return the phrases of a prompt that is taken as it is, each once.

    "Cat . dr. martens boots. cat"      Cat, dr. martens boots
    """
    phrases: dict[str, str] = {}
    for piece in split_dots(prompt) or [" ".join(prompt.split()).strip(EDGES)]:
        phrases.setdefault(piece.casefold(), piece)
    result = [phrase for phrase in phrases.values() if phrase]
    # Signs alone, such as "?", are still something to look for.
    return result or [text for text in (" ".join(prompt.split()),) if text]


def join_phrases(phrases: Sequence[str]) -> str:
    """Write phrases as one prompt: "cat . dog". A prompt that is not changed stays as it is."""
    return " . ".join(phrases)


def split_list(segment: str) -> list[str]:
    """Split "cats, dogs and a bird" into its nouns; what may be one thing stays whole."""
    parts = [part for part in map(tidy, COMMA.split(_LIST_ENDS.sub("", segment))) if words(part)]
    pieces = [piece for part in parts for piece in _split_joint(part)]
    described = ATTRIBUTES.search(parts[0]) if parts else None
    closing = re.search(r"\b(?:and|or)\b", segment, re.IGNORECASE)
    if len(parts) > 1 and (not all(map(_may_stand_alone, pieces)) or (described and closing)):
        return [segment]
    return pieces or [segment]


def _split_joint(part: str) -> list[str]:
    if COMPOUNDS.search(part):
        return [part]
    pieces = [tidy(piece) for piece in JOINT.split(part)]
    if _is_colour_list(pieces):
        return [part]
    if all(_may_stand_alone(p) and not ATTRIBUTES.search(p) for p in pieces):
        return pieces
    return [part]


def _may_stand_alone(piece: str) -> bool:
    """Tell whether a piece of a list names a thing by itself: "black" of "black and white" not."""
    tokens = words(piece)
    if not tokens or len(tokens) > 6:
        return False
    bare = [w for w in tokens if w not in DETERMINERS]
    opens = tokens[0] in PREPOSITIONS or tokens[0] in PARTICIPLES or tokens[0] in RELATIVES
    # "person, second from the left": the second piece says where, not what.
    places = set(bare) <= PLACES and bare != ["top"]
    names = any(w not in ADJECTIVES or w in NOUN_COLOURS for w in bare)
    return names and not opens and not places


def _is_colour_list(pieces: list[str]) -> bool:
    """Tell "orange and white cat", one thing, from "apples and oranges"."""
    tokens = [words(piece) for piece in pieces]
    return any(set(a) <= COLOURS and b and b[0] in COLOURS for a, b in pairwise(tokens))
