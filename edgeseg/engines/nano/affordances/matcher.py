"""Needs and questions matched by meaning to a table of the things that answer them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edgeseg.engines.nano.affordances.groups import Groups, products
from edgeseg.engines.nano.affordances.hints import Hints
from edgeseg.engines.nano.affordances.statements import statement_vectors
from edgeseg.engines.nano.affordances.table import Affordance
from edgeseg.engines.nano.sentence_encoder import SentenceEncoder
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.language.lexicon import FRAME_WORDS, LIGHT_WORDS, word_set
from edgeseg.language.phrases import words

FloatArray = npt.NDArray[np.float32]

# Minimum score of a match, and of one for a question that mostly asks for no thing. The first was
# chosen on the curve in docs/log/prompts.md, the weights below on
# tests/unit/engines/nano/prompts/intents_tuned.tsv.
THRESHOLD = 0.54
STRONG = 0.7
ODD_OPENINGS = word_set(
    "why when who whose whom did was were is are am does do has have tell explain will"
)
ODD_QUESTION = re.compile(
    r"how\s+(?:old|many|much)\b|what\s+(?:happened|(?:is|are|was)\s+"
    r"(?!used|worn|needed|good|for|put|eaten|made|meant|kept|moved|swung|called)\w)",
    re.IGNORECASE,
)
# Asks for a fact about the image, which no thing in it answers.
FACT_QUESTION = re.compile(
    r"who\s+(?:painted|made|took|wrote|built|drew|designed|invented|created|shot)\b|"
    r"what\s+happen|which\s+(?:year|month|day|century|country|city|style)\b|is\s+(?:it|this|that)\b",
    re.IGNORECASE,
)
LIGHT_WEIGHT = 0.3
MAX_CONTENT_WORDS = 24
# How much the other examples of an entry, and the names of its things, count beside that.
COVER = 0.7
RELATED = 0.1
# Between examples this near to each other the small words decide: "i am cold", "how cold is it".
NEAR = 0.05
# An example of the table of affordances goes before a statement about a known thing.
CURATED = 0.03
# How much the sentence as a whole counts beside its words.
SENTENCE = 0.375
# How much word-by-word agreement counts beside the mean of all words.
ALIGNMENT = 0.7
# Share of the question's words in that, beside those of the example: a statement of two words is
# easily said by a longer question.
QUESTION = 0.7


# Sentences whose match is kept.
REMEMBERED = 256


@dataclass(frozen=True)
class Match:
    """The things that match an intent, the example that it resembles most, and how much (0..1)."""

    things: tuple[str, ...]
    example: str
    score: float


def content_words(text: str) -> list[str]:
    """Return the words that say what is needed, in order, at most once each."""
    return _content(words(text))


def _content(tokens: list[str]) -> list[str]:
    parts = [part.split("'")[0] for w in tokens for part in w.split("-")]
    content = dict.fromkeys(w for w in parts if w not in FRAME_WORDS)
    return list(content)[:MAX_CONTENT_WORDS]


class AffordanceMatcher:
    """Finds the entry of the table whose examples mean most nearly what a sentence says."""

    def __init__(
        self,
        vectors: WordVectors,
        affordances: tuple[Affordance, ...],
        encoder: SentenceEncoder,
    ) -> None:
        self._vectors = vectors
        self._examples = [
            (affordance, text) for affordance in affordances for text in affordance.examples
        ]
        tokens = [words(text) for _, text in self._examples]
        self._tokens = list(map(frozenset, tokens))
        contents = [_content(each) or each for each in tokens]
        uses = Counter(word for content in contents for word in content)
        self._ceiling = float(np.log1p(len(contents)))
        self._rarity = {w: float(np.log1p(len(contents) / n)) for w, n in uses.items()}
        self._rows = {word: row for row, word in enumerate(uses)}
        self._words = vectors.word_vectors(list(uses))
        self._flat = np.array([self._rows[w] for content in contents for w in content], np.int64)
        self._starts = np.cumsum([0, *(len(content) for content in contents[:-1])])
        weights = np.array([self._weight(w) for content in contents for w in content], np.float32)
        self._of_examples = Groups(self._flat, self._starts)
        self._weights = weights
        self._totals = np.add.reduceat(weights, self._starts)
        means = np.add.reduceat(self._words[self._flat] * weights[:, None], self._starts)
        self._means = _unit(means)
        self._owners = np.array(
            [row for row, affordance in enumerate(affordances) for _ in affordance.examples],
            np.int64,
        )
        vocabularies: list[set[int]] = [set() for _ in affordances]
        for owner, content in zip(self._owners, contents, strict=True):
            vocabularies[owner] |= {self._rows[w] for w in content}
        self._of_entries = Groups(
            np.array([row for v in vocabularies for row in sorted(v)], np.int64),
            np.cumsum([0, *(len(v) for v in vocabularies[:-1])]),
        )
        names = [words(thing)[-1:] for affordance in affordances for thing in affordance.things]
        counts = [len(affordance.things) for affordance in affordances]
        heads = vectors.word_vectors([word for name in names for word in name or [""]])
        self._thing_means = _unit(np.add.reduceat(heads, np.cumsum([0, *counts[:-1]])))
        # Entries of the table belong to a group of it.
        self._curated = np.array([CURATED * bool(a.group) for a, _ in self._examples], np.float32)
        self._names = {thing for affordance in affordances for thing in affordance.things}
        self._hints = Hints(affordances)
        # A prompt is often asked for many images, one after the other.
        self._matched = lru_cache(maxsize=REMEMBERED)(self._match)
        self._statements = statement_vectors([text for _, text in self._examples], encoder)
        self._encoder = encoder

    def match(self, text: str) -> Match | None:
        """Return the best entry for a sentence; ``None`` for a name, and if no word is known."""
        return self._matched(text)

    def _match(self, text: str) -> Match | None:
        content = content_words(text)
        vectors = self._lookup(content)
        if not content or not vectors.any() or " ".join(words(text)) in self._names:
            return None
        said = self._scores(content, vectors)
        meant = products(self._statements, self._encoder.encode([text]))[0]
        scores = (1 - SENTENCE) * said + SENTENCE * meant + self._hints.of(text, content)
        scores += self._curated
        near = np.flatnonzero(scores >= scores.max() - NEAR)
        ours = {part for word in words(text) for part in word.replace("'m", " am").split()}
        best = max(map(int, near), key=lambda row: scores[row] + NEAR * self._shared(ours, row))
        affordance, example = self._examples[best]
        return Match(affordance.things, example, float(said[best] + meant[best]) / 2)

    def _scores(self, content: list[str], vectors: FloatArray) -> FloatArray:
        """(examples,) float32: how much each example, and its entry, mean what is asked."""
        weights = np.array([self._weight(w) for w in content], np.float32)
        weights /= weights.sum()
        mean = _unit((weights @ vectors)[None])[0]
        likeness = np.maximum(products(self._words, vectors), 0)
        # Unknown words still match themselves.
        for row, word in enumerate(content):
            if word in self._rows:
                likeness[row, self._rows[word]] = 1
        precision = self._of_examples.best(likeness, weights)
        nearest = likeness.max(0)[self._flat]
        recall = np.add.reduceat(nearest * self._weights, self._starts) / self._totals
        aligned = (
            precision * recall / np.maximum(QUESTION * recall + (1 - QUESTION) * precision, 1e-6)
        )
        example = ALIGNMENT * aligned + (1 - ALIGNMENT) * products(self._means, mean[None])[0]
        covered = self._of_entries.best(likeness, weights)
        related = products(self._thing_means, mean[None])[0]
        entry = COVER * covered + RELATED * related
        return np.asarray((example + entry[self._owners]) / (1 + COVER + RELATED), np.float32)

    def _shared(self, ours: Collection[str], row: int) -> float:
        """Share of words, small ones too, that are also those of an example (0..1)."""
        theirs = self._tokens[row]
        return len(theirs.intersection(ours)) / len(theirs.union(ours))

    def _weight(self, word: str) -> float:
        light = LIGHT_WEIGHT if word in LIGHT_WORDS else 1.0
        return light * math.sqrt(self._rarity.get(word, self._ceiling) / self._ceiling)

    def _lookup(self, query: list[str]) -> FloatArray:
        """(N, D) float32 unit vectors, zeros for unknown words."""
        return (
            self._vectors.vectors(query) if query else np.zeros((0, self._vectors.dim), np.float32)
        )


def _unit(rows: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-6), np.float32)


def good_enough(match: Match, text: str) -> bool:
    """Tell whether a match may replace the sentence; odd questions need a stronger one."""
    if FACT_QUESTION.match(text):
        return False
    tokens = words(text)
    first = next(iter(tokens), "")
    if len(tokens) == 2 and first in {"may", "can"}:
        # "may bug"
        return False
    odd = first in ODD_OPENINGS or ODD_QUESTION.match(text) is not None
    return match.score >= (STRONG if odd else THRESHOLD)
