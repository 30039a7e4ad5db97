"""Objects of entities with rectangular masks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgeseg.codecs import mask_to_rle
from edgeseg.schemas import Entity, EntityObject, SegmentedObject
from edgeseg.types import BoolArray

HEIGHT, WIDTH = 200, 300
Corners = tuple[int, int, int, int]


def mask_of(*boxes: Corners) -> BoolArray:
    """(200, 300) mask of rectangles, xyxy."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def segmented(label: str, *boxes: Corners, score: float = 0.8) -> SegmentedObject:
    mask = mask_of(*boxes)
    left, top = (min(box[side] for box in boxes) for side in (0, 1))
    right, bottom = (max(box[side] for box in boxes) for side in (2, 3))
    return SegmentedObject(
        id=0,
        label=label,
        score=score,
        box=(left, top, right, bottom),
        mask=mask_to_rle(mask),
        area=int(mask.sum()),
    )


def shown(
    *boxes: Corners,
    label: str = "ball",
    entity: int = 0,
    number: int = 0,
    colours: Mapping[str, float] | None = None,
) -> EntityObject:
    """An object that shows an entity."""
    values = segmented(label, *boxes).model_dump()
    return EntityObject(
        **values, object_id=f"{label}_{number}", entity=entity, colours=dict(colours or {})
    )


def entity(
    label: str, phrase: str | None = None, count: int | None = 1, is_place: bool = False
) -> Entity:
    """An entity; all words of its label before the phrase are colours."""
    named = phrase or label.split()[-1]
    colours = label.removesuffix(named).split()
    return Entity(label=label, phrase=named, count=count, colours=colours, is_place=is_place)
