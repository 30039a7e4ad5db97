"""Phrases that name no thing, by words and signs that no name of a thing holds.

"so basically what I want is the lamp", "lamp , the left one": the rules have not read these.
"""

from __future__ import annotations

import re
from itertools import pairwise

from edgeseg.language.lexicon import DETERMINERS, PARTICIPLES, PREPOSITIONS, RELATIVES, word_set
from edgeseg.language.phrases import words

MAX_WORDS = 10
MAX_WORDS_OF_NAME = 5
_SIGNS = re.compile(
    r"[,:;()\[\]{}!?#=<>/\"\u201c\u201d\u2026|]|\.\.|(?<=\s)[-\u2013\u2014](?=\s)|->"
)
_SAID = word_set(
    "i you we he she they it me us him them i'm im i'd i'll i've we're you're it's its that's "
    "thats there's theres what's whats where's wheres let's lets who's is are am was were be been "
    "do does did don't dont doesn't didn't isn't aren't arent should would could shall must might "
    "wanna gonna gotta imma lemme gimme please pls plz thanks thx ok okay hey hi hello yo kindly "
    "just only also maybe somewhere what where when why how wants needs needed find finding found "
    "see seen detect detecting segment segmenting highlight highlighting selecting locate identify "
    "isolate isolating annotate give tell get bring remove delete erase except excluding excluded "
    "ignore ignoring omit besides unless not nor everything anything nothing something whichever "
    "whatever whoever then now again mean meant there here n u w ur first second third fourth "
    "fifth 1st 2nd 3rd 4th 5th number nr"
)
_PLACES = word_set(
    "leftmost rightmost topmost bottommost biggest largest smallest furthest farthest nearest "
    "closest foreground"
)
_ENDS = DETERMINERS | PREPOSITIONS | RELATIVES
_ENDS |= word_set("one ones and or but with to of far over out away up down")
_OPENS = PREPOSITIONS | PARTICIPLES | DETERMINERS | word_set("and or to")


def is_doubtful(phrase: str) -> bool:
    """Tell whether a phrase holds more, or less, than the name of a thing.

    >>> [is_doubtful(each) for each in ("left winger", "cup on the table", "lamp, the left one")]
    [False, False, True]
    """
    tokens = words(phrase)
    opening = next((n for n, word in enumerate(tokens) if n and word in _OPENS), len(tokens))
    too_long = len(tokens) > MAX_WORDS or opening > MAX_WORDS_OF_NAME
    if not tokens or too_long or _SIGNS.search(phrase):
        return True
    if len(tokens) == 1:
        return tokens[0] in _SAID
    if set(tokens) & (_SAID | _PLACES) or tokens[-1] in _ENDS:
        return True
    # "Take the mug": a determiner inside a phrase follows a preposition, or a verb.
    return any(
        each in DETERMINERS and before not in _OPENS and not before.endswith("ing")
        for before, each in pairwise(tokens)
    )
