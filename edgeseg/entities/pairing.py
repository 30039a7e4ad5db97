"""Pairs of objects of one entity across images, by the cosine of their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeseg.entities.matching import best_matching
from edgeseg.schemas import EntityObject, Pairing, PairingMode
from edgeseg.types import FloatArray


@dataclass(frozen=True)
class _Candidate:
    """An object of a contextual image: the position of the image, and its vector."""

    image: int
    shown: EntityObject
    vector: FloatArray


def pair(
    generated: Sequence[EntityObject],
    vectors: FloatArray,
    contextual: Sequence[Sequence[EntityObject]],
    contextual_vectors: Sequence[FloatArray],
    mode: PairingMode,
    threshold: float,
) -> list[Pairing]:
    """Return a pairing for each object of the generated image.

    ``vectors`` are (N, D) of length 1, row by row those of the objects. Candidates are the objects
    of the same label in all contextual images; with "one_to_one" each is taken once at most, so
    that the sum of all cosines is largest, and with "many_to_one" each object takes the best.
    """
    candidates = [
        _Candidate(image, shown, vector)
        for image, (objects, rows) in enumerate(zip(contextual, contextual_vectors, strict=True))
        for shown, vector in zip(objects, rows, strict=True)
    ]
    made: dict[int, Pairing] = {}
    for label in dict.fromkeys(each.label for each in generated):
        rows = [i for i, each in enumerate(generated) if each.label == label]
        same = [each for each in candidates if each.shown.label == label]
        similar = _cosines([vectors[row] for row in rows], [each.vector for each in same])
        partner = best_matching(similar) if mode == "one_to_one" else _best(similar)
        for place, row in enumerate(rows):
            column = partner.get(place)
            made[row] = _pairing(
                generated[row],
                None if column is None else same[column],
                None if column is None else float(similar[place, column]),
                threshold,
            )
    return [made[row] for row in range(len(generated))]


def _best(similar: FloatArray) -> dict[int, int]:
    if not similar.shape[1]:
        return {}
    return {row: int(column) for row, column in enumerate(similar.argmax(axis=1))}


def _cosines(left: Sequence[FloatArray], right: Sequence[FloatArray]) -> FloatArray:
    if not left or not right:
        return np.zeros((len(left), len(right)), np.float32)
    made: FloatArray = np.stack(left) @ np.stack(right).T
    return made.clip(-1, 1)


def _pairing(
    shown: EntityObject, other: _Candidate | None, cosine: float | None, threshold: float
) -> Pairing:
    return Pairing(
        generated=shown.object_id,
        label=shown.label,
        contextual=None if other is None else other.shown.object_id,
        image=None if other is None else other.image,
        cosine=None if cosine is None else round(cosine, 4),
        paired=cosine is not None and cosine >= threshold,
    )
