"""What a language model must answer, and nothing else: JSON with phrases and filters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgeseg.schemas import Filter

MAX_CHARS = 4000
MAX_PHRASES = 20
MAX_PHRASE_CHARS = 100
# A model that thinks aloud does so before its answer; some wrap the answer in a code fence.
_THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)


class AnswerError(ValueError):
    """An answer that is not of the form asked for; its text says why, for the model to repair."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    phrases: list[str] = Field(min_length=1, max_length=MAX_PHRASES)
    filters: list[Filter] = Field(default_factory=list, max_length=MAX_PHRASES)


@dataclass(frozen=True)
class Answer:
    """Phrases, each once, and filters that speak of no others."""

    phrases: tuple[str, ...]
    filters: tuple[Filter, ...]


def read_answer(text: str) -> Answer:
    """Read a model's answer; raise AnswerError, which says what is wrong, for anything else."""
    try:
        made = _Answer.model_validate_json(bare_json(text), strict=True)
    except ValidationError as error:
        raise AnswerError(sentence_of(error)) from None
    phrases = {phrase.casefold(): phrase for phrase in map(phrase_of, reversed(made.phrases))}
    # "Person with red shirt": the colour is that of the shirt, which is no phrase.
    others = {each.other.strip().casefold(): each.other for each in made.filters if each.other}
    filters = tuple(
        _filter(each, others | phrases if each.kind == "colour" else phrases)
        for each in made.filters
    )
    return Answer(tuple(reversed(phrases.values())), filters)


def bare_json(text: str, max_chars: int = MAX_CHARS) -> str:
    """Return an answer without thoughts and code fence; raise AnswerError for a long one."""
    bare = _THOUGHT.sub("", text).strip()
    fenced = _FENCE.match(bare)
    bare = fenced[1] if fenced else bare
    if len(bare) > max_chars:
        raise AnswerError(f"the answer is longer than {max_chars} characters")
    return bare


def sentence_of(error: ValidationError) -> str:
    """Return what is wrong with an answer, for the model to repair."""
    rows = error.errors(include_url=False, include_input=False)[:3]
    parts = [f"{'.'.join(map(str, row['loc'])) or 'the answer'}: {row['msg']}" for row in rows]
    return "; ".join(parts)[:400]


def phrase_of(text: str) -> str:
    """Return a phrase tidied; raise AnswerError for what is no noun phrase."""
    phrase = " ".join(text.split()).strip(" .,;:!?")
    if not any(letter.isalnum() for letter in phrase):
        raise AnswerError("phrases: every phrase must name a thing")
    if len(phrase) > MAX_PHRASE_CHARS:
        raise AnswerError(f"phrases: a phrase is longer than {MAX_PHRASE_CHARS} characters")
    if re.search(r"[.;{}\[\]]", phrase):
        raise AnswerError("phrases: a phrase is one noun phrase, without dots or brackets")
    return phrase


def _filter(one: Filter, phrases: dict[str, str], inner: bool = False) -> Filter:
    """Check what the schema cannot say; phrases get the spelling they have in the list."""
    if one.phrase is not None and one.phrase.strip().casefold() not in phrases:
        raise AnswerError(f"filters: {one.phrase!r} is not among the phrases")
    if (one.kind == "side") != (one.side is not None):
        raise AnswerError("filters: the kind side has a side, and no other kind has one")
    if one.kind in ("side", "exclude", "colour", "relation") and (one.rank, one.count) != (1, 1):
        raise AnswerError(f"filters: the kind {one.kind} has neither rank nor count")
    if one.colour is not None and one.kind != "colour":
        raise AnswerError("filters: only the kind colour has a colour")
    if one.kind != "relation" and (one.relation or one.other or one.subject):
        raise AnswerError("filters: only the kind relation has relation, other and subject")
    if one.negated and one.kind not in ("colour", "relation"):
        raise AnswerError("filters: only the kinds colour and relation can be negated")
    if one.kind != "exclude" and one.filters:
        raise AnswerError("filters: only the kind exclude holds filters")
    if one.kind == "exclude" and inner:
        raise AnswerError("filters: an exclude inside an exclude")
    if one.kind == "exclude" and one.phrase is None and not one.filters:
        raise AnswerError("filters: an exclude must say what is left out")
    if one.kind == "exclude" and not one.filters and _is_only(one.phrase, phrases):
        raise AnswerError("filters: nothing would be left; say which of them is left out")
    known = None if one.phrase is None else phrases[one.phrase.strip().casefold()]
    nested: Sequence[Filter] = [_filter(each, phrases, inner=True) for each in one.filters]
    return one.model_copy(update={"phrase": known, "filters": list(nested)})


def _is_only(phrase: str | None, phrases: dict[str, str]) -> bool:
    return phrase is not None and set(phrases) == {phrase.strip().casefold()}
