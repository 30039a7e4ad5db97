"""The nano simplifier: rules and word vectors turn a prompt into phrases and filters."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edgeseg.engines.nano.affordances.knowledge import all_affordances, visible_nouns
from edgeseg.engines.nano.affordances.matcher import AffordanceMatcher, good_enough
from edgeseg.engines.nano.affordances.table import everything
from edgeseg.engines.nano.learned_reader import LearnedReader, asks_which
from edgeseg.engines.nano.sentence_encoder import SentenceEncoder
from edgeseg.engines.nano.word_reader import Reading, WordReader
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.language.attributes import colour_of, read_attributes
from edgeseg.language.doubts import is_doubtful
from edgeseg.language.exclusions import same_kind, split_exclusion
from edgeseg.language.inflection import singular
from edgeseg.language.lexicon import BY_AREA, DETERMINERS, EVERYONE, EVERYTHING, word_set
from edgeseg.language.phrases import (
    head,
    join_phrases,
    modifiers,
    split_dots,
    split_list,
    tidy,
    without_determiners,
    words,
)
from edgeseg.language.positions import Positioned, take_positions
from edgeseg.language.questions import (
    is_about_the_image,
    is_sentence,
    names_a_thing,
    person_or_thing_asked_for,
    strip_request,
)
from edgeseg.language.rewrites import rewrite
from edgeseg.language.wrappers import is_aside, unwrap
from edgeseg.schemas import Filter, Simplification
from edgeseg.types import Image

# Longer texts are split at dots and otherwise left alone: no prompt for a detector is so long.
MAX_CHARS = 600
MAX_PHRASES = 200
# So few words are a name: "may bug".
SHORT = 2
UNKNOWN = "It is looked for as it stands."
UNANSWERED = "No thing is known that answers this, so it is looked for as it stands."
# "the two on the left" are two of what is kept.
_ASKING = word_set("what which who whose why when where how is are do does did should we my")
_COUNTED = re.compile(r"^(?:the\s+)?(?:two|three|four|five|six)(?=\s+(?:on|at|in|from)\b)", re.I)

# What a position alone leaves: "the second one from the left", "no. 2 from the left".
_NO_THING = re.compile(r"ones?|first|second|third|thing|(?:no\.?|nr\.?|number|#) ?\d{1,2}", re.I)


@dataclass
class _Draft:
    """Phrases and filters found so far, and what was done to get them."""

    phrases: list[str] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changed: bool = False
    alternatives: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    is_need: bool = False

    def add(self, other: _Draft) -> None:
        self.phrases += other.phrases
        self.filters += other.filters
        self.alternatives += other.alternatives
        self.notes += other.notes
        self.warnings += other.warnings
        self.changed |= other.changed
        self.is_need |= other.is_need


class NanoSimplifier:
    """Simplifies prompts in English and six other languages; see docs/simplifier.md.

    `threads` is accepted like by every nano engine, and not needed.
    """

    name = "nano"
    device = "cpu"
    dtype = "float32"

    def __init__(self, threads: int | None = None) -> None:
        vectors = WordVectors.shipped()
        self._affordances: AffordanceMatcher | None = AffordanceMatcher(
            vectors, all_affordances(), SentenceEncoder.shipped()
        )
        self._reader = WordReader(vectors)
        self._learned = LearnedReader(self._reader.knows)

    def close(self) -> None:
        """Free the table; calling it again does nothing."""
        self._affordances = None

    def simplify(self, prompt: str, image: Image | None = None) -> Simplification:
        """Return phrases and filters for `prompt`; the image is not looked at.

        A prompt that cannot be improved passes unchanged: its phrases are then the caller's own
        words without leading articles and numbers.
        """
        if self._affordances is None:
            raise RuntimeError("NanoSimplifier: used after close()")
        reading = self._reader.read(prompt) if len(prompt) <= MAX_CHARS else Reading(prompt)
        draft = self._judged(reading.text, self._draft(reading.text))
        draft.notes = [*reading.notes, *draft.notes]
        draft.warnings += reading.warnings
        draft.changed |= bool(reading.notes)
        unique: dict[str, str] = {}
        for phrase in filter(None, draft.phrases):
            unique.setdefault(phrase.casefold(), phrase)
        phrases = list(unique.values())[:MAX_PHRASES]
        if not phrases:
            phrases = [tidy(prompt) or prompt.strip() or prompt]
            draft = _Draft()
        read = [read_attributes(each, prompt) for each in phrases if each not in draft.alternatives]
        attributes = [one for each in read for one in each.filters]
        draft.notes += [note for each in read for note in each.notes]
        if attributes and join_phrases(phrases) != prompt:
            # Filters name the phrases, so these are what is sent back with them.
            draft.changed = True
        if not draft.changed:
            plain = UNKNOWN if draft.warnings else "The prompt already names what to find."
            reason = " ".join(draft.notes) or plain
            return Simplification(
                prompt=prompt,
                simplified_prompt=prompt,
                phrases=phrases,
                filters=attributes,
                changed=False,
                reason=reason,
                warnings=list(dict.fromkeys(draft.warnings)),
            )
        filters = _exclusions_first([*attributes, *draft.filters])
        return Simplification(
            prompt=prompt,
            simplified_prompt=join_phrases(phrases),
            phrases=phrases,
            alternatives=[phrase for phrase in phrases if phrase in draft.alternatives],
            filters=filters,
            changed=True,
            reason=" ".join(dict.fromkeys(draft.notes)),
            warnings=list(dict.fromkeys(draft.warnings)),
        )

    def _judged(self, prompt: str, draft: _Draft) -> _Draft:
        """What the rules read; where they cannot, what was learned, if their grammar accepts it."""
        doubtful = not _is_read(draft)
        is_short = len(words(prompt)) <= SHORT and not set(prompt) & set(",:;()")
        is_asked = (doubtful and not is_short) or (draft.is_need and not asks_which(prompt))
        if len(prompt) > MAX_CHARS or not is_asked:
            return draft
        learned = self._learned.read(prompt)
        if learned is None:
            return draft
        if learned.need:
            return (self._need(learned.need) if UNANSWERED in draft.notes else None) or draft
        if words(learned.sentence) == words(join_phrases(draft.phrases)):
            return draft
        if not doubtful and not learned.is_a_name:
            return draft
        read = self._draft(learned.sentence)
        if not _is_read(read) or read.is_need:
            return draft
        # "What are the rules of grammar?" asks for nothing that can be seen.
        nouns = {singular(head(phrase)) for phrase in read.phrases}
        first = next(iter(words(prompt)), "")
        # "Do the horse, then the rider" asks for both.
        asked = first in _ASKING and (first != "do" or "?" in prompt)
        if asked and UNANSWERED in draft.notes and not nouns <= visible_nouns():
            return draft
        read.changed = True
        note = f"No rule reads this, so it was read word by word as “{learned.sentence}”."
        read.notes.insert(0, note)
        return read

    def _draft(self, prompt: str) -> _Draft:
        pieces = split_dots(prompt)
        if len(prompt) > MAX_CHARS or not pieces:
            return _Draft([without_determiners(p) for p in pieces])
        # "I dropped a wrapper. Where does it go?" is one intent, told in two sentences.
        if len(pieces) > 1 and all(map(is_sentence, pieces)):
            whole = self._need(" ".join(pieces))
            if whole:
                return whole
        draft, spoken = _Draft(), len(pieces)
        pieces = [piece for piece in pieces if not is_aside(piece)] or pieces
        for piece in pieces:
            draft.add(self._piece(piece))
        if len(pieces) < spoken:
            draft.changed = True
        return draft

    def _piece(self, text: str) -> _Draft:
        """One piece between dots, with or without words that only ask for what it names."""
        bare = unwrap(text)
        if bare is None or not (names_a_thing(bare) or _exclusion(bare)):
            return self._unwrapped(text)
        draft = _Draft(notes=["Only the thing that is asked for is kept."], changed=True)
        draft.add(self._unwrapped(bare))
        return draft

    def _unwrapped(self, text: str) -> _Draft:
        """A piece in other words that the grammar reads, where these choose or leave out."""
        exclusion = _exclusion(text)
        if exclusion:
            return self._without(*exclusion)
        only = rewrite(text, "exclusions")
        if only != text:
            return _named(only, f"“{tidy(text)}” asks for “{only}”.")
        counted = rewrite(text, "sizes")
        if counted != tidy(text) and names_a_thing(counted):
            draft = self._read(counted)
            draft.changed = True
            draft.notes = draft.notes or [f"“{tidy(text)}” asks for “{counted}”."]
            return draft
        placed = rewrite(text, "positions")
        if placed != tidy(text) and (names_a_thing(placed) or not is_sentence(text)):
            draft = self._read(placed)
            if draft.filters:
                return draft
        return self._read(text)

    def _read(self, text: str) -> _Draft:
        """A request, a question, an intent or a list."""
        bare = strip_request(text)
        asked = bare.casefold() != tidy(text).casefold()
        if (asked or not is_sentence(text)) and names_a_thing(bare):
            return _named(bare, "Only the thing that is asked for is kept." if asked else "")
        if asked or is_sentence(text) or is_sentence(bare):
            answer = self._question(text)
            if answer is None and not is_about_the_image(text):
                answer = self._need(text) or (self._need(bare) if asked else None)
            return answer or _Draft(
                [without_determiners(tidy(text))],
                notes=[UNANSWERED],
                warnings=[UNANSWERED],
            )
        return _named(bare, "")

    def _question(self, text: str) -> _Draft | None:
        """The dog that "Which dog is the largest?" asks for, chosen by position."""
        asked = person_or_thing_asked_for(text)
        if asked is None:
            return None
        coloured = not is_sentence(asked) and " that is " not in asked
        if not coloured and not take_positions(asked).filters:
            return None
        return _named(asked, "The question asks for an object in the image.")

    def _need(self, text: str) -> _Draft | None:
        """The phrases that match an intent, if one of the table's entries is near enough."""
        if self._affordances is None:
            return None
        positioned = take_positions(text)
        match = self._affordances.match(positioned.phrase)
        if match is None or not good_enough(match, text):
            return None
        things = list(match.things)
        note = f"The intent (as in “{match.example}”) was replaced by objects that serve it."
        only = things[0] if len(things) == 1 else None
        others = [] if only else things
        filters = [f.model_copy(update={"phrase": only}) for f in positioned.filters]
        notes = [note, *_position_notes(positioned)]
        return _Draft(things, filters, notes, True, others, is_need=True)

    def _without(self, included: str, excluded: str) -> _Draft:
        """Keep the one, leave out the other; what cannot be told apart by boxes is said."""
        draft = self._piece(included)
        draft.changed = True
        for piece in split_list(tidy(excluded)):
            dropped = _excluded_position(piece)
            draft.add(_exclude(piece, dropped, draft.phrases))
        return draft


def _is_read(draft: _Draft) -> bool:
    """Tell whether every phrase names a thing, as far as its words tell."""
    return UNANSWERED not in draft.notes and all(map(_is_named, draft.phrases))


def _is_named(phrase: str) -> bool:
    """Tell whether a phrase names a thing, or two that stand to each other."""
    relations = [f for f in read_attributes(phrase, phrase).filters if f.kind == "relation"]
    parts = [relations[0].subject or "", relations[0].other or ""] if relations else [phrase]
    return not any(map(is_doubtful, parts))


def _exclusion(text: str) -> tuple[str, str] | None:
    """What is asked for and what is left out, however that is said."""
    return split_exclusion(rewrite(text, "exclusions"))


def _named(text: str, note: str) -> _Draft:
    """A phrase or a list of phrases, each with its positional words taken out."""
    pieces = split_list(text)
    draft = _Draft(notes=[note] if note else [], changed=bool(note))
    if len(pieces) > 1:
        draft.changed = True
        draft.notes.append("The list was split into its things.")
    for piece in pieces:
        draft.add(_noun_phrase(piece))
    return draft


def _noun_phrase(text: str) -> _Draft:
    several = _everything(text)
    if several:
        return several
    positioned = take_positions(text)
    phrase = without_determiners(tidy(positioned.phrase))
    if not positioned.filters:
        return _Draft([phrase])
    if _NO_THING.fullmatch(phrase):
        return _Draft([tidy(text)], notes=["No thing is named that could be chosen by position."])
    several = _everything(phrase)
    if several:
        notes = [*several.notes, *_position_notes(positioned)]
        return _Draft(several.phrases, positioned.filters, notes, True)
    filters = [f.model_copy(update={"phrase": phrase}) for f in positioned.filters]
    return _Draft([phrase], filters, _position_notes(positioned), True)


def _everything(text: str) -> _Draft | None:
    """What "everything" and "everyone" stand for, which no detector knows by these names."""
    tokens = [w for w in words(text) if w not in {"the", "of", "in", "picture", "image", "photo"}]
    if tokens and tokens[0] in EVERYONE:
        phrase = tidy(" ".join(["person", *text.split()[1:]]))
        return _Draft([phrase], notes=["Everyone is looked for as “person”."], changed=True)
    every = {"everything", "anything", "all", "objects"}
    if set(tokens) & every and set(tokens) <= EVERYTHING | {"every", "visible"}:
        note = "Everything is looked for by the names of common things."
        return _Draft(list(everything()), notes=[note], changed=True)
    return None


def _excluded_position(piece: str) -> Positioned:
    """Positions in what is left out, where the noun may be missing: "the leftmost"."""
    counted = _COUNTED.sub(r"\g<0> ones", piece)
    for text in (counted, f"{piece} one", f"one {piece}"):
        positioned = take_positions(text)
        if positioned.filters:
            return positioned
    return Positioned(piece)


def _exclude(piece: str, dropped: Positioned, included: list[str]) -> _Draft:
    """The filter that leaves out a piece, or a note that boxes alone cannot tell it apart."""
    noun = without_determiners(dropped.phrase)
    noun = "" if noun.lower() in DETERMINERS else noun
    last = head(noun)
    same = [p for p in included if same_kind(head(p), last)]
    refers = last in {"one", "ones", ""} and len(included) == 1
    shades = [w for w in modifiers(noun) if w not in {"one", "ones"}]
    target = included[0] if refers else same[0] if same else noun
    alike = refers or (bool(same) and singular(head(target)) == singular(last))
    # "other than the red one": those are told apart by their pixels.
    colour = colour_of(f"{' '.join(shades)} {head(target)}") if refers or same else None
    if alike and colour is not None and colour.split() == shades and not dropped.filters:
        inner = Filter(kind="colour", phrase=target, colour=colour)
        note = f"“{piece}” is left out by its colour."
        return _Draft(
            notes=[note],
            filters=[Filter(kind="exclude", phrase=target, filters=[inner])],
            changed=True,
        )
    if (shades and (refers or same)) or (alike and len(included) == 1 and not dropped.filters):
        note = f"“{piece}” cannot be told apart by position, so it is not left out."
        return _Draft(notes=[note], changed=True)
    # "People except the man on the left" leaves out a person by place; "people except children"
    # leaves out what fits "children" better than "people".
    added = [] if alike or (same and dropped.filters) else [noun]
    target = added[0] if added else target
    filters = [f.model_copy(update={"phrase": target}) for f in dropped.filters]
    note = f"“{piece}” is found and then left out."
    chosen = Filter(kind="exclude", phrase=target, filters=filters)
    return _Draft(added, [chosen], [note], True)


def _position_notes(positioned: Positioned) -> list[str]:
    if not positioned.filters:
        return []
    taken = " ".join(positioned.taken)
    quoted = ", ".join(f"“{text}”" for text in positioned.taken)
    size = " by the size of the box" if BY_AREA & set(words(taken)) else ""
    return [f"{quoted} chooses among the boxes that are found{size}."]


def _exclusions_first(filters: list[Filter]) -> list[Filter]:
    return sorted(filters, key=lambda f: f.kind != "exclude")
