"""Words of a prompt made readable: chat is written out, spelling mended, unknown words named."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from edgeseg.engines.nano.affordances.table import everything, read_table
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.language import lexicon
from edgeseg.language.foreign import translate, unknown_words
from edgeseg.language.inflection import singular
from edgeseg.language.phrases import ABBREVIATIONS, WORD, words
from edgeseg.language.rewrites import chat_to_words, names
from edgeseg.language.spelling import Spelling

# Words of the grammar, which need no vector.
_GRAMMAR = (
    lexicon.FRAME_WORDS
    | lexicon.ADJECTIVES
    | lexicon.PEOPLE
    | lexicon.GENERIC
    | lexicon.SUPERLATIVES.keys()
    | lexicon.ORDINALS.keys()
    | lexicon.NUMBERS.keys()
    | lexicon.PARTICIPLES
    | ABBREVIATIONS
    | lexicon.word_set("centre colour grey penultimate etc isn't aren't don't im whats doesnt")
)
_PARTS = re.compile(r"[-'\u2019]")
MIN_PART = 4
# A name in one word of two, at the end of its phrase: "coffee-cup", but not "half-eaten apple".
_JOINED = re.compile(r"(?<![\w-])([a-z]{3,})-([a-z]{3,})(?=\s*(?:$|[.,;\n]))")
_ASIAN = re.compile(r"[\u3040-\u9fff\uac00-\ud7af]")


@dataclass
class Reading:
    """A prompt in known words, what was changed in it, and what is unknown, as sentences."""

    text: str
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class WordReader:
    """Reads words against the vocabulary of the word vectors."""

    def __init__(self, vectors: WordVectors) -> None:
        self._vectors = vectors

    def read(self, prompt: str) -> Reading:
        """Return the prompt with its misspelled words mended; known words stay as they are."""
        foreign = translate(prompt, self.knows)
        if foreign:
            return Reading(foreign.text, [f"Read from {foreign.language} as “{foreign.text}”."])
        reading = Reading(chat_to_words(prompt) if len(words(prompt)) > 1 else prompt)
        if reading.text != prompt:
            reading.notes.append(f"Read as “{reading.text.strip()}”.")
        self._open_compounds(reading)
        unknown = [word for word in WORD.findall(reading.text) if not self.knows(word)]
        foreign_words = unknown_words(prompt, self.knows) if unknown else {}
        mended = {
            word: None if word.lower() in foreign_words else self._spelling.mend(word)
            for word in dict.fromkeys(unknown)
        }
        # Beside words that nothing is near to, a near one is of their language: "Katze frisst".
        is_other = None in mended.values()
        for word, known in mended.items():
            if known == word or (foreign_words and word.lower() not in foreign_words):
                continue
            if known is None or is_other:
                reading.warnings.append(self._unknown(word, foreign_words))
                continue
            reading.text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", known, reading.text)
            reading.notes.append(f"“{word}” was read as “{known}”.")
        return reading

    def _open_compounds(self, reading: Reading) -> None:
        for match in _JOINED.finditer(reading.text):
            parts = match.groups()
            if all(map(self._has_entry, parts)) and parts[1] not in lexicon.ADJECTIVES:
                reading.text = reading.text.replace(match[0], " ".join(parts))
                reading.notes.append(f"“{match[0]}” was read as “{' '.join(parts)}”.")

    def knows(self, word: str) -> bool:
        """Whether a word, or each of its parts joined by hyphens, is known."""
        plain = word.lower().replace("\u2019", "'")
        if any(letter.isdigit() for letter in plain) or self._has_entry(plain):
            return True
        if any(all(map(self._has_entry, (plain[:at], plain[at:]))) for at in _seams(plain)):
            return True
        parts = [part for part in _PARTS.split(plain) if len(part) > 1]
        return all(map(self._has_entry, parts)) and (bool(parts) or not _ASIAN.search(plain))

    def _has_entry(self, word: str) -> bool:
        forms = {word, singular(word)}
        return bool(forms & _GRAMMAR or forms & names()) or any(map(self._vectors.knows, forms))

    def _unknown(self, word: str, foreign_words: dict[str, list[str]]) -> str:
        nearest = foreign_words.get(word.lower()) or self._spelling.nearest(word)
        near = f" The nearest known words are {', '.join(nearest)}." if nearest else ""
        return f"“{word}” is not a known word.{near}"

    @cached_property
    def _spelling(self) -> Spelling:
        """Built when the first unknown word is met, in about 0.1 s."""
        examples = [text for entry in read_table() for text in (*entry.examples, *entry.things)]
        common = {word for text in [*examples, *everything()] for word in words(text)}
        common |= {singular(word) for word in common}
        vocabulary = [word for word in self._vectors.words if " " not in word]
        return Spelling(vocabulary, common | _GRAMMAR)


def _seams(word: str) -> range:
    """Where a compound may be joined: "headband" is head and band."""
    return range(MIN_PART, len(word) - MIN_PART + 1)
