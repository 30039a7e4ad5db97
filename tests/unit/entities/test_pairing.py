"""Pairs across images, one to one and many to one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from edgeseg.entities.matching import best_matching
from edgeseg.entities.pairing import pair
from edgeseg.schemas import EntityObject, Pairing, PairingMode
from edgeseg.types import FloatArray
from tests.unit.entities.shapes import shown


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 5), (5, 3), (4, 4), (1, 6), (6, 1)])
def test_the_matching_has_the_largest_sum(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(shape))
    for _ in range(20):
        worth = rng.uniform(-1, 1, shape).astype(np.float32)
        made = best_matching(worth)
        assert len(set(made.values())) == len(made) == min(shape)
        tall = worth if shape[0] >= shape[1] else worth.T
        best = max(
            sum(tall[row, column] for column, row in enumerate(rows))
            for rows in permutations(range(len(tall)), tall.shape[1])
        )
        assert sum(worth[row, column] for row, column in made.items()) == pytest.approx(best)


def test_the_matching_of_nothing() -> None:
    assert best_matching(np.zeros((0, 3), np.float32)) == {}
    assert best_matching(np.zeros((3, 0), np.float32)) == {}


def dogs(count: int, label: str = "dog") -> list[EntityObject]:
    return [shown((10, 10, 50, 50), label=label, number=number) for number in range(count)]


def at(*degrees: float) -> FloatArray:
    """(N, 2) unit vectors."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def paired(mode: PairingMode, threshold: float = 0.5) -> list[Pairing]:
    """Two dogs, of which both are most like the dog of the second image."""
    contextual = [dogs(1), dogs(1), dogs(1, "cat")]
    return pair(dogs(2), at(0, 20), contextual, [at(60), at(10), at(0)], mode, threshold)


def test_one_to_one_takes_each_once() -> None:
    made = paired("one_to_one")
    assert [(each.contextual, each.image) for each in made] == [("dog_0", 1), ("dog_0", 0)]
    assert [each.paired for each in made] == [True, True]
    assert [each.cosine for each in made] == pytest.approx([0.985, 0.766], abs=1e-3)


def test_many_to_one_takes_the_most_similar() -> None:
    assert [each.image for each in paired("many_to_one")] == [1, 1]


def test_below_the_threshold_nothing_is_paired() -> None:
    assert [each.paired for each in paired("one_to_one", 0.8)] == [True, False]


def test_another_label_is_no_candidate() -> None:
    made = pair(dogs(1), at(0), [dogs(1, "cat")], [at(0)], "one_to_one", 0.0)
    assert [(each.contextual, each.cosine, each.paired) for each in made] == [(None, None, False)]


def test_without_contextual_images_each_object_has_a_pairing() -> None:
    assert [each.generated for each in pair(dogs(2), at(0, 1), [], [], "one_to_one", 0.5)] == [
        "dog_0",
        "dog_1",
    ]
