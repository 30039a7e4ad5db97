"""The judge: whether a generated image shows what its text asked for.

"Two dogs on a red sofa"; seen are one dog and a blue sofa, the dog on the sofa

check       dog             red sofa        passed
presence    found           found           2 of 2
count       1 of 2          1 of 1          1 of 2
colour      -               not red         0 of 1
relation    dog on red sofa: holds          1 of 1
total                                       4 of 6
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from edgeseg.entities.colours import basic_colour, has_colour
from edgeseg.entities.geometry import holds
from edgeseg.schemas import (
    ColourVerdict,
    Entity,
    EntityObject,
    EntityVerdict,
    ImageEntities,
    Judgement,
    Measure,
    Pairing,
    Relation,
    RelationVerdict,
)


def judge(
    entities: Sequence[Entity],
    relations: Sequence[Relation],
    generated: ImageEntities,
    contextual: Sequence[ImageEntities],
    pairings: Sequence[Pairing],
) -> Judgement:
    """Return what the generated image shows of each entity and relation, and the share that fits.

    A thing that is missing fails one check, its presence: nothing else of it can be judged. A place
    that is not found is not known to be missing. Identity is judged of what a contextual image
    shows.
    """
    shown = [[each for each in generated.objects if each.entity == i] for i in range(len(entities))]
    known = {each.entity for image in contextual for each in image.objects}
    verdicts = [
        _entity(place, each, shown[place], place in known, pairings)
        for place, each in enumerate(entities)
    ]
    related = [_relation(each, entities, shown) for each in relations]
    checks = {
        measure: (sum(each is True for each in results), len(results))
        for measure in get_args(Measure)
        if (results := _results(measure, verdicts, related))
    }
    passed = sum(good for good, _ in checks.values())
    asked = sum(of for _, of in checks.values())
    return Judgement(
        total=round(passed / asked, 4) if asked else None,
        parts={measure: round(good / of, 4) for measure, (good, of) in checks.items()},
        checks=checks,
        entities=verdicts,
        relations=related,
        missing=[each.label for each in verdicts if each.present is False],
    )


def _entity(
    place: int,
    entity: Entity,
    shown: Sequence[EntityObject],
    is_known: bool,
    pairings: Sequence[Pairing],
) -> EntityVerdict:
    present = True if shown else None if entity.is_place else False
    mine = {each.object_id for each in shown}
    pairs = [each for each in pairings if each.generated in mine]
    cosines = [each.cosine for each in pairs if each.cosine is not None]
    return EntityVerdict(
        entity=place,
        label=entity.label,
        present=present,
        asked=entity.count,
        found=len(shown),
        count_held=_count_held(entity, len(shown)),
        colours=[_colour(word, shown) for word in entity.colours] if shown else [],
        paired=any(each.paired for each in pairs) if shown and is_known else None,
        cosine=max(cosines, default=None),
    )


def _count_held(entity: Entity, found: int) -> bool | None:
    """Say whether the number is right; several are two at least, and places are not counted."""
    if not found or entity.is_place:
        return None
    return found >= 2 if entity.count is None else found == entity.count


def _colour(word: str, shown: Sequence[EntityObject]) -> ColourVerdict:
    name = basic_colour(word)
    if name is None:
        return ColourVerdict(colour=word, share=0.0, held=None)
    share = max(each.colours.get(name, 0.0) for each in shown)
    held = all(has_colour(each.colours, name) for each in shown)
    return ColourVerdict(colour=word, share=share, held=held)


def _relation(
    relation: Relation, entities: Sequence[Entity], shown: Sequence[Sequence[EntityObject]]
) -> RelationVerdict:
    subjects, others = shown[relation.subject], shown[relation.object]
    held = None
    if subjects and others:
        held = any(holds(each, relation.kind, other) for each in subjects for other in others)
    words = relation.kind.replace("_", " ")
    text = f"{entities[relation.subject].label} {words} {entities[relation.object].label}"
    return RelationVerdict(relation=relation, text=text, held=held)


def _results(
    measure: Measure, verdicts: Sequence[EntityVerdict], related: Sequence[RelationVerdict]
) -> list[bool]:
    found: list[bool | None] = []
    if measure == "presence":
        found = [each.present for each in verdicts]
    elif measure == "count":
        found = [each.count_held for each in verdicts]
    elif measure == "colour":
        found = [colour.held for each in verdicts for colour in each.colours]
    elif measure == "relation":
        found = [each.held for each in related]
    else:
        found = [each.paired for each in verdicts]
    return [each for each in found if each is not None]
