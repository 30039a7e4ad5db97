"""Which object shows which entity: by what it was found as, and by its colours.

entities      red car, blue car       both are looked for as "car"
objects       car (0.8 red), car (0.7 blue), car (0.9 white)
assigned      red car_0, blue car_0   the white one is neither, while others fit
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgeseg.entities.colours import basic_colour, colour_match, has_colour
from edgeseg.schemas import Entity, EntityObject, SegmentedObject
from edgeseg.types import FloatArray


def assign(
    objects: Sequence[SegmentedObject],
    shares: Sequence[Mapping[str, float]],
    vectors: FloatArray,
    entities: Sequence[Entity],
) -> tuple[list[EntityObject], FloatArray]:
    """Return the objects by entity, best first, and their (M, D) vectors in the same order.

    ``objects`` are labelled by the phrases of the entities; ``shares`` are their colours and
    ``vectors`` (N, D), row by row. An object goes to the entity of its phrase that its colours fit;
    where some fit an entity of a colour, those that fit none are left out.
    """
    rows: list[list[int]] = [[] for _ in entities]
    for phrase in dict.fromkeys(each.phrase for each in entities):
        places = [i for i, each in enumerate(entities) if each.phrase == phrase]
        found = [i for i, each in enumerate(objects) if each.label == phrase]
        _share_out(found, places, shares, entities, rows)
    order = [row for part in rows for row in part]
    made: list[EntityObject] = []
    for place, part in enumerate(rows):
        for number, row in enumerate(part):
            made.append(
                _object(objects[row], shares[row], entities[place], place, number, len(made))
            )
    return made, vectors[np.array(order, np.int64)] if order else vectors[:0]


def _share_out(
    found: Sequence[int],
    places: Sequence[int],
    shares: Sequence[Mapping[str, float]],
    entities: Sequence[Entity],
    rows: list[list[int]],
) -> None:
    """Give each object of a phrase to one of its entities, or to none."""
    coloured = [place for place in places if _colours(entities[place])]
    plain = [place for place in places if place not in coloured]
    left: list[int] = []
    for row in found:
        fits = [place for place in coloured if _fits(shares[row], entities[place])]
        if fits:
            best = max(fits, key=lambda place: colour_match(shares[row], entities[place].colours))
            rows[best].append(row)
        elif plain:
            rows[plain[0]].append(row)
        else:
            left.append(row)
    _spread(coloured, shares, entities, rows)
    # A thing in a wrong colour is there all the same, and is judged by its colour.
    for row in left:
        empty = [place for place in coloured if not rows[place]]
        if empty:
            rows[empty[0]].append(row)
        elif len(coloured) == 1 and not _fits(shares[rows[coloured[0]][0]], entities[coloured[0]]):
            rows[coloured[0]].append(row)


def _spread(
    coloured: Sequence[int],
    shares: Sequence[Mapping[str, float]],
    entities: Sequence[Entity],
    rows: list[list[int]],
) -> None:
    """Move what one entity has too many of to one of the same phrase that has none.

    Of "a red and a blue ball", two red ones are there: that is one ball in a wrong colour, rather
    than a ball too many and one too few.
    """
    for empty in [place for place in coloured if not rows[place]]:
        for place in coloured:
            count = entities[place].count
            if count is not None and len(rows[place]) > count:
                colours = entities[place].colours
                worst = min(rows[place], key=lambda row: colour_match(shares[row], colours))
                rows[place].remove(worst)
                rows[empty].append(worst)
                break


def _colours(entity: Entity) -> list[str]:
    return [name for name in map(basic_colour, entity.colours) if name is not None]


def _fits(shares: Mapping[str, float], entity: Entity) -> bool:
    return all(has_colour(shares, name) for name in _colours(entity))


def _object(
    found: SegmentedObject,
    shares: Mapping[str, float],
    entity: Entity,
    place: int,
    number: int,
    new_id: int,
) -> EntityObject:
    values = {name: getattr(found, name) for name in SegmentedObject.model_fields}
    return EntityObject(
        **{**values, "id": new_id, "label": entity.label},
        object_id=f"{entity.label}_{number}",
        entity=place,
        colours=dict(shares),
    )
