"""Relations that boxes and masks show."""

from __future__ import annotations

import pytest

from edgeseg.entities.geometry import holds
from edgeseg.schemas import RelationKind
from tests.unit.entities.shapes import Corners, shown

TABLE = [(50, 100, 250, 115), (55, 115, 65, 180), (235, 115, 245, 180)]
"""A top and two legs."""
OVERLAPPING: list[tuple[RelationKind, Corners, Corners, bool]] = [
    ("in", (100, 100, 140, 130), (80, 90, 200, 180), True),
    ("in", (100, 20, 140, 100), (80, 90, 200, 180), False),
    ("next_to", (20, 100, 60, 140), (70, 100, 110, 140), True),
    ("next_to", (20, 100, 60, 140), (200, 100, 240, 140), False),
    ("next_to", (100, 100, 140, 130), (80, 90, 200, 180), False),
    ("in_front_of", (100, 120, 140, 180), (90, 60, 200, 150), True),
    ("in_front_of", (100, 60, 140, 120), (90, 60, 200, 150), False),
    ("behind", (90, 60, 200, 150), (100, 120, 140, 180), True),
    ("behind", (100, 120, 140, 180), (90, 60, 200, 150), False),
    ("under", (100, 150, 140, 180), (90, 60, 200, 100), True),
    ("under", (100, 20, 140, 50), (90, 60, 200, 100), False),
    ("under", (250, 150, 290, 180), (90, 60, 200, 100), False),
    ("above", (100, 20, 140, 50), (90, 60, 200, 100), True),
    ("above", (100, 150, 140, 180), (90, 60, 200, 100), False),
    ("left_of", (20, 100, 60, 140), (70, 100, 110, 140), True),
    ("left_of", (70, 100, 110, 140), (20, 100, 60, 140), False),
    ("right_of", (70, 100, 110, 140), (20, 100, 60, 140), True),
    ("right_of", (20, 100, 60, 140), (22, 20, 62, 60), False),
]


@pytest.mark.parametrize(("kind", "subject", "other", "held"), OVERLAPPING)
def test_relations(kind: RelationKind, subject: Corners, other: Corners, held: bool) -> None:
    assert holds(shown(subject), kind, shown(other)) is held


@pytest.mark.parametrize(
    ("ball", "held"),
    [
        ((120, 62, 158, 100), True),
        ((120, 58, 158, 96), True),
        ((120, 10, 158, 48), False),
        ((120, 140, 158, 178), False),
        ((260, 62, 298, 100), False),
    ],
    ids=["stands", "hardly touches", "floats", "lies between the legs", "beside"],
)
def test_on_a_table(ball: Corners, held: bool) -> None:
    assert holds(shown(ball), "on", shown(*TABLE)) is held


def test_on_a_rug_seen_from_above() -> None:
    rug, cat = (20, 60, 280, 190), (100, 130, 160, 180)
    around = [(20, 60, 280, 130), (20, 130, 100, 180), (160, 130, 280, 180), (20, 180, 280, 190)]
    assert holds(shown(cat), "on", shown(rug))
    assert holds(shown(cat), "on", shown(*around))


def test_sides_go_by_pixels_rather_than_boxes() -> None:
    """A snake that reaches far to the right with its tail lies to the left all the same."""
    snake = shown((20, 100, 80, 140), (80, 136, 290, 140))
    assert holds(snake, "left_of", shown((150, 60, 190, 100)))
