"""Requests and questions: what of a sentence names the thing, and what only asks for it."""

from __future__ import annotations

import re

from edgeseg.language import lexicon
from edgeseg.language.phrases import head, tidy, words

_NEXT = (
    r"(?=\s+(?:the|a|an|all|any|every|each|my|me|this|that|these|those|some|both|where|two|three)"
    r"\b)"
)
_VERBS = (
    rf"(?:find|segment|detect|highlight|locate|identify|extract|isolate|look\s+for|search\s+for|"
    rf"pick\s+out|point\s+out|cut\s+out|point\s+(?:to|at)|(?:show|give|tell|get)\s+me|"
    rf"(?:select|outline|mask|mark|label|circle|crop(?:\s+out)?|count|show|draw|pick|get|box|spot|"
    rf"see|bring|choose|remove|separate|mask\s+out|color|colour|track|trace|return){_NEXT})"
)
_SUPERLATIVES = "|".join(sorted(lexicon.SUPERLATIVES, key=len, reverse=True))
# What is said before a thing that is named outright.
_REQUEST = re.compile(
    rf"^(?:(?:please|kindly|hey|hi|hello|ok|okay|now|just|so|and|then)[\s,]+)*(?:"
    rf"(?:(?:can|could|would|will)\s+you\s+(?:please\s+|kindly\s+)?)?{_VERBS}(?:\s*(?:me|us)\b)?"
    rf"(?:\s+where)?(?:\s+is)?|"
    rf"(?:i|we)(?:['\u2019]d|\s+would)?\s+(?:want|like|need)\s+(?:you\s+)?to\s+{_VERBS}|"
    rf"(?:i['\u2019]?m|i\s+am|we\s+are|we['\u2019]re)\s+(?:looking|searching)\s+for|"
    rf"where(?:['\u2019]?s|\s+is|\s+are|\s+can\s+(?:i|we|you)\s+(?:find|see|spot)|"
    rf"\s+do\s+(?:i|we|you)\s+(?:find|see))|"
    rf"(?:do|can|could)\s+(?:you|i|we)\s+(?:see|spot|find)(?:\s+any)?|"
    rf"(?:is|are)\s+there(?:\s+any)?|how\s+many|"
    rf"(?:which|what)(?:['\u2019]?s|\s+is|\s+are)(?=\s+the\s+(?:{_SUPERLATIVES})\b)|"
    rf"what\s+(?:colou?r|size|shape|breed|brand|make)\s+(?:is|are)|"
    rf"(?:(?:i|we)\s+)?(?:need|want)(?=\s)|(?:only|just){_NEXT}|(?:i['\u2019]d|i\s+would)\s+like|what\s+about|how\s+(?:big|tall|old)\s+is|"
    rf"who(?:['\u2019]s|\s+is|\s+are)(?=\s+(?:the|a|an|that|this)\s)|the\s+location\s+of|"
    rf"what(?:['\u2019]s|\s+is|\s+are)(?=\s+(?:that|this|these|those)\s)|"
    rf"(?:masks?|outlines?|boxes|bounding\s+box(?:es)?)\s+(?:of|for|around)(?=\s+(?:the|all|every)\s)"
    rf")\s+",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"^(?:(?:please|kindly|hey|hi|hello|okay)[\s,]+)+|[\s,]+please$", re.IGNORECASE
)
_TAIL = re.compile(
    r"\s+(?:(?:in|on|from|of)\s+(?:the|this|my|that)\s+(?:image|picture|photo|photograph|scene|pic|"
    r"frame|shot)|are\s+there|is\s+there|do\s+you\s+see|can\s+you\s+see|can\s+be\s+seen|"
    r"do\s+i\s+see|can\s+i\s+see|here|please|for\s+me|is|are|at|only)\s*$",
    re.IGNORECASE,
)
# "which dog is the largest", "what person is on the left"
_COLOURS = "|".join(sorted(lexicon.COLOURS))
_ABOUT = re.compile(
    r"^what(?:['\u2019]?s|\s+is|\s+are)\s+(?:"
    r"(?:on|in|under|near|behind|beside|above|next)\b|"
    r"(?:the|this|that|he|she|it|they)\b.*\b(?:wearing|holding|doing|eating|saying)$)|"
    rf"\bmade\s+(?:out\s+)?of\b|\b(?:is|are)\s+(?:{_COLOURS})$",
    re.IGNORECASE,
)
_STATE = re.compile(
    r"^(?:so\s+|very\s+)?(?:thirsty|hungry|tired|sleepy|bored|freezing|starving|exhausted)$|^whats\b",
    re.IGNORECASE,
)
_WHICH = re.compile(
    r"^(?:which|what)\s+(?P<noun>.+?)\s+(?:is|are|stands|sits)\s+(?P<rest>.+)$", re.I
)
_WHO = re.compile(r"^who(?:['\u2019]s|\s+is|\s+are)\s+(?P<rest>.+)$", re.IGNORECASE)
_WHO_HAS = re.compile(r"^who\s+(?:has|have)\s+(?P<rest>.+)$", re.IGNORECASE)
_GENERIC = "|".join(sorted(lexicon.GENERIC, key=len, reverse=True))
# "something to sit on", "a tool for cutting paper", "animals that can bark", "to cut paper"
_PURPOSE = re.compile(
    rf"^(?:the\s+|an?\s+|any\s+|some\s+|all\s+(?:the\s+)?)?(?:[\w'-]+\s+){{0,3}}?(?:{_GENERIC})\s+"
    rf"(?:[\w'-]+\s+)?"
    rf"(?:to|for|that|which|who|used|where|i|you|we|one|people|made|meant|designed|with\s+which|"
    rf"in\s+which|on\s+which|needed)\b|"
    rf"^(?:to|for|used\s+(?:to|for)|good\s+for|useful\s+for)\s+\w+",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"^(?:where|what|which|who|whom|whose|how|why|when|can(?!\s+of\b)|could|do|does|is|are|should|shall|would|"
    r"will|may|might|i|we|i['\u2019]?m|i['\u2019]d|i['\u2019]ve|we['\u2019]re|my|it['\u2019]s|it|there['\u2019]s|what['\u2019]s|"
    r"where['\u2019]s|let['\u2019]?s|help|you|he|she|they)\b(?!-)",
    re.IGNORECASE,
)
# The "to" of a place is none of a purpose.
_BESIDE = re.compile(
    r"\b(?:(?:next|close|closest|nearest) to|to the (?:left|right) of)\b", re.IGNORECASE
)
# "My cat Tom" names; "my feet hurt" tells.
_NAMED = re.compile(r"^[Mm]y(?: [a-z-]+){1,2} [A-Z][a-z]+$")
_STATES = re.compile(r"(?<!that)(?<!which)(?<!who)\s(?:is|are|am|was|hurts?|needs?|feels?)\b", re.I)
# Nouns that no box can hold: a question for one of them is a need.
_UNSEEN = lexicon.word_set(
    "time speed temperature weather news hour date direction directions way music noise fun rest "
    "nap sleep drink shade warmth help information entertainment privacy electricity power heat "
    "refreshment break comfort relaxation transport transportation shelter exercise "
    "sit seating restroom bathroom snack bite breakfast lunch dinner meal cleaning money cash "
    "hydration lighting illumination storage footwear headwear air weight day month"
)


def strip_request(text: str) -> str:
    """Return the thing that a request names ("show me the cat" -> "the cat"), else the text."""
    rest = tidy(text)
    match = _REQUEST.match(rest)
    if match is None:
        bare = tidy(_COURTESY.sub("", rest))
        return bare if words(bare) else rest
    rest = tidy(rest[match.end() :])
    for _ in range(3):
        shorter = tidy(_TAIL.sub("", rest))
        if shorter == rest or not words(shorter):
            break
        rest = shorter
    return rest if words(rest) else tidy(text)


def person_or_thing_asked_for(text: str) -> str | None:
    """Return "dog that is the largest" for "which dog is the largest", ``None`` if not asked so."""
    sentence = tidy(text)
    for _ in range(2):
        sentence = tidy(_TAIL.sub("", sentence))
    which, who, has = _WHICH.match(sentence), _WHO.match(sentence), _WHO_HAS.match(sentence)
    if has:
        return f"person with {has['rest']}"
    if who:
        first = next(iter(words(who["rest"])), "")
        described = first in lexicon.PARTICIPLES | lexicon.PREPOSITIONS
        return f"person {'' if described else 'that is '}{who['rest']}"
    named = which and len(words(which["noun"])) <= 3 and names_a_thing(which["noun"])
    if which and named and not lexicon.GENERIC & set(words(which["noun"])):
        if set(words(which["rest"])) <= lexicon.ADJECTIVES:
            return f"{which['rest']} {which['noun']}"
        return f"{which['noun']} that is {which['rest']}"
    return None


def is_about_the_image(text: str) -> bool:
    """Tell whether only the image holds the answer: "what is on the table?"."""
    return _ABOUT.search(tidy(text)) is not None


def is_sentence(text: str) -> bool:
    """Tell whether a text asks, states or gives a purpose, rather than naming a thing."""
    if _NAMED.match(tidy(text)):
        return False
    return bool(
        text.rstrip().endswith(("?", "\uff1f"))
        or _PURPOSE.match(tidy(text))
        or _ASKS.match(text.strip())
        or _STATES.search(text)
        or _STATE.match(tidy(text))
    )


def names_a_thing(phrase: str) -> bool:
    """Tell whether a request names what can be looked for: "the cat", but not "the time"."""
    tokens = words(_BESIDE.sub("beside", phrase))
    pronouns = {"i", "you", "we", "he", "she", "it", "they", "me", "us", "something", "anything"}
    verbs = lexicon.word_set("to can should could is are do does would shown displayed way")
    if not tokens or len(tokens) > 10 or set(tokens) & (pronouns | verbs) or is_sentence(phrase):
        return False
    if tokens[-1] in {"stored", "kept", "sold", "needed", "used"}:
        return False
    if set(tokens) <= lexicon.SUPERLATIVES.keys() | lexicon.DETERMINERS:
        return False
    return head(phrase) not in _UNSEEN | {"somewhere", "someplace"}
