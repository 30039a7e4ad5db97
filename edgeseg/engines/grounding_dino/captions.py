"""Phrases as captions for models that ground text: "cat. red car.", and back from its tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgeseg.types import Detections, FloatArray

# What ends a phrase for these models, and so must not be inside one.
_ENDS = str.maketrans(".?", "  ")
Offsets = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Caption:
    """Phrases as one text; ``spans`` are the characters of each, ``indices`` whose they are."""

    text: str
    indices: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    def tokens_of(self, offsets: Offsets) -> list[list[int]]:
        """Return the positions of each phrase's tokens, given each token's characters.

        Tokens without characters (those that begin and end a text) belong to none; a phrase that
        the tokenizer cut off has none.
        """
        return [
            [
                position
                for position, (start, end) in enumerate(offsets)
                if start < end and start < span_end and end > span_start
            ]
            for span_start, span_end in self.spans
        ]


def captions(phrases: Sequence[str], count: Callable[[str], int], limit: int) -> list[Caption]:
    """Join phrases to captions of at most ``limit`` tokens, as few as they fit into.

    ``count`` says how many tokens a text has. A phrase without words is left out; one that is too
    long by itself gets a caption of its own, for the tokenizer to cut.
    """
    result: list[Caption] = []
    text, indices, spans, used = "", list[int](), list[tuple[int, int]](), 0
    for index, phrase in enumerate(phrases):
        words = " ".join(phrase.lower().translate(_ENDS).split())
        if not words:
            continue
        needed = count(words) + 1
        if indices and used + needed > limit:
            result.append(Caption(text, tuple(indices), tuple(spans)))
            text, indices, spans, used = "", [], [], 0
        text += " " if text else ""
        spans.append((len(text), len(text) + len(words)))
        text += words + "."
        indices.append(index)
        used += needed
    return [*result, Caption(text, tuple(indices), tuple(spans))] if indices else result


def phrase_scores(tokens: FloatArray, positions: Sequence[Sequence[int]]) -> FloatArray:
    """(Q, P) score of each phrase for each box, from (Q, T) probabilities of the tokens.

    A phrase scores as its highest-scoring token, which is what the models' own thresholds mean.
    """
    scores = np.zeros((len(tokens), len(positions)), np.float32)
    for column, own in enumerate(positions):
        if own:
            scores[:, column] = tokens[:, list(own)].max(axis=1)
    return scores


def pick(
    boxes_xyxy: FloatArray,
    scores: FloatArray,
    labels: Sequence[str],
    threshold: float,
    size_hw: tuple[int, int],
) -> Detections:
    """Return every box once for each label that it is likely enough to show, best first.

    ``boxes_xyxy`` is (Q, 4) in pixels and is cut at the image's edges; ``scores`` is (Q, P), a
    column for each label.
    """
    height, width = size_hw
    edges = np.array([width, height, width, height], np.float32)
    rows, columns = np.nonzero((scores >= threshold) & (scores > 0))
    selected = scores[rows, columns]
    order = np.argsort(-selected, kind="stable")
    return Detections(
        boxes_xyxy[rows[order]].clip(0, edges).astype(np.float32).reshape(-1, 4),
        selected[order].astype(np.float32),
        tuple(labels[column] for column in columns[order]),
    )


def merge(parts: Sequence[Detections]) -> Detections:
    """Join what several captions found, best first."""
    if not parts:
        return Detections.empty()
    scores = np.concatenate([part.scores for part in parts])
    joined = Detections(
        np.concatenate([part.boxes_xyxy for part in parts]),
        scores,
        tuple(label for part in parts for label in part.labels),
    )
    return joined.take(np.argsort(-scores, kind="stable"))
