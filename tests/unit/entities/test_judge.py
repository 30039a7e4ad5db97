"""Verdicts on entities and relations, and their total."""

from __future__ import annotations

import pytest

from edgeseg.entities.judge import judge
from edgeseg.schemas import Entity, EntityObject, ImageEntities, Judgement, Pairing, Relation
from tests.unit.entities.shapes import entity, shown

SOFA, DOG = (50, 90, 250, 180), (100, 50, 160, 120)


def judged(
    entities: list[Entity],
    objects: list[EntityObject],
    relations: list[Relation] | None = None,
    contextual: list[EntityObject] | None = None,
    pairings: list[Pairing] | None = None,
) -> Judgement:
    known = [ImageEntities(objects=contextual)] if contextual is not None else []
    return judge(entities, relations or [], ImageEntities(objects=objects), known, pairings or [])


def sofa(colour: str = "red") -> EntityObject:
    return shown(SOFA, label="red sofa", entity=1, colours={colour: 0.9})


def dog(number: int = 0) -> EntityObject:
    return shown(DOG, label="dog", number=number)


ENTITIES = [entity("dog"), entity("red sofa")]
DOG_ON_SOFA = Relation(subject=0, kind="on", object=1)


def test_all_is_as_asked() -> None:
    made = judged(ENTITIES, [dog(), sofa()], [DOG_ON_SOFA])
    assert made.total == 1
    assert made.checks == {
        "presence": (2, 2),
        "count": (2, 2),
        "colour": (1, 1),
        "relation": (1, 1),
    }
    assert made.relations[0].text == "dog on red sofa"
    assert made.missing == []


def test_each_wrong_thing_is_named_and_lowers_its_part() -> None:
    made = judged([entity("dog", count=2), ENTITIES[1]], [dog(), sofa("blue")], [DOG_ON_SOFA])
    assert made.parts == {"presence": 1, "count": 0.5, "colour": 0, "relation": 1}
    assert made.total == pytest.approx(4 / 6, abs=1e-4)
    assert (made.entities[0].found, made.entities[0].asked) == (1, 2)
    assert made.entities[1].colours[0].share == 0


def test_a_missing_thing_is_one_failed_check() -> None:
    """Its number, colours, relations and identity are not known rather than wrong."""
    made = judged(ENTITIES, [dog()], [DOG_ON_SOFA], contextual=[dog(), sofa()])
    verdict = made.entities[1]
    assert (verdict.present, verdict.count_held, verdict.colours) == (False, None, [])
    assert verdict.paired is None
    assert made.relations[0].held is None
    assert made.missing == ["red sofa"]
    assert made.checks["presence"] == (1, 2)


def test_a_place_that_is_not_found_counts_neither_way() -> None:
    made = judged([entity("dog"), entity("garden", is_place=True)], [dog()])
    assert made.entities[1].present is None
    assert made.total == 1
    assert made.missing == []


@pytest.mark.parametrize(("count", "found", "held"), [
    (1, 2, False), (2, 2, True), (3, 2, False), (None, 1, False), (None, 2, True),
])  # fmt: skip
def test_counts(count: int | None, found: int, held: bool) -> None:
    """None asks for several: two at least."""
    made = judged([entity("dog", count=count)], [dog(number) for number in range(found)])
    assert made.entities[0].count_held is held


def test_a_relation_holds_if_any_of_its_objects_have_it() -> None:
    far = shown((10, 10, 40, 30), label="dog", number=1)
    made = judged([entity("dog", count=2), ENTITIES[1]], [far, dog(), sofa()], [DOG_ON_SOFA])
    assert made.relations[0].held
    assert judged(ENTITIES, [far, sofa()], [DOG_ON_SOFA]).relations[0].held is False


def test_every_object_needs_the_colour() -> None:
    balls = [
        shown(DOG, label="red ball", number=number, colours={colour: 1.0})
        for number, colour in enumerate(("red", "green"))
    ]
    assert judged([entity("red ball", count=2)], balls).parts["colour"] == 0


def test_what_is_no_basic_colour_is_not_judged() -> None:
    made = judged([Entity(label="striped cat", phrase="cat", colours=["striped"])], [
        shown(DOG, label="striped cat", colours={"brown": 1.0}),
    ])  # fmt: skip
    assert made.entities[0].colours[0].held is None
    assert "colour" not in made.checks


@pytest.mark.parametrize("cosine", [0.9, 0.2])
def test_identity_where_a_contextual_image_shows_the_entity(cosine: float) -> None:
    pairs = [
        Pairing(
            generated="dog_0", label="dog", contextual="dog_0", image=0, cosine=cosine,
            paired=cosine >= 0.5,
        ),
        Pairing(generated="red sofa_0", label="red sofa", paired=False),
    ]  # fmt: skip
    made = judged(ENTITIES, [dog(), sofa()], contextual=[dog()], pairings=pairs)
    assert made.entities[0].paired is (cosine >= 0.5)
    assert made.entities[0].cosine == cosine
    assert made.entities[1].paired is None
    assert made.checks["identity"] == (int(cosine >= 0.5), 1)


def test_nothing_to_judge() -> None:
    made = judged([entity("garden", is_place=True)], [])
    assert (made.total, made.checks) == (None, {})
