"""Objects of one phrase, shared out among entities by colour."""

from __future__ import annotations

import numpy as np

from edgeseg.entities.assignment import assign
from edgeseg.schemas import Entity
from tests.unit.entities.shapes import entity, segmented

BOX = (10, 10, 50, 50)


def assigned(found: list[tuple[str, str]], entities: list[Entity]) -> list[tuple[str, int]]:
    """Return the id and the original row of each object; ``found`` are phrases and colours."""
    objects = [segmented(phrase, BOX) for phrase, _ in found]
    vectors = np.arange(len(found), dtype=np.float32)[:, None]
    shares = [{colour: 1.0} for _, colour in found]
    made, rows = assign(objects, shares, vectors, entities)
    assert [each.id for each in made] == list(range(len(made)))
    assert all(each.label == entities[each.entity].label for each in made)
    return [(each.object_id, int(row)) for each, row in zip(made, rows[:, 0], strict=True)]


def test_colours_tell_entities_of_one_phrase_apart() -> None:
    found = [("car", "white"), ("car", "blue"), ("dog", "brown"), ("car", "red")]
    entities = [entity("red car"), entity("dog"), entity("blue car")]
    assert assigned(found, entities) == [("red car_0", 3), ("dog_0", 2), ("blue car_0", 1)]


def test_things_in_other_colours_go_where_no_colour_is_asked() -> None:
    entities = [entity("red cup"), entity("cup", count=None)]
    found = [("cup", "green"), ("cup", "red"), ("cup", "white")]
    assert assigned(found, entities) == [("red cup_0", 1), ("cup_0", 0), ("cup_1", 2)]


def test_what_has_a_wrong_colour_is_there_all_the_same() -> None:
    found = [("ball", "green"), ("ball", "blue")]
    assert assigned(found, [entity("red ball", count=2)]) == [("red ball_0", 0), ("red ball_1", 1)]


def test_right_colours_leave_wrong_ones_out() -> None:
    found = [("ball", "green"), ("ball", "red")]
    assert assigned(found, [entity("red ball")]) == [("red ball_0", 1)]


def test_two_red_balls_are_not_a_ball_too_many_and_one_too_few() -> None:
    entities = [entity("red ball"), entity("blue ball")]
    found = [("ball", "red"), ("ball", "red")]
    assert {name for name, _ in assigned(found, entities)} == {"red ball_0", "blue ball_0"}


def test_nothing_found() -> None:
    made, vectors = assign([], [], np.zeros((0, 4), np.float32), [entity("dog")])
    assert made == []
    assert vectors.shape == (0, 4)
