"""A small result with everything in it that a report has to show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from edgeseg.codecs import mask_to_rle
from edgeseg.entities.judge import judge
from edgeseg.entity_result import EntitySegmentation
from edgeseg.errors import InvalidImageError
from edgeseg.schemas import (
    EntitiesResult,
    Entity,
    EntityObject,
    ImageEntities,
    ImageInfo,
    Pairing,
    Relation,
)

SIZE_HW = (120, 160)
ENTITIES = [
    Entity(label="black dog", phrase="dog", count=2, colours=["black"]),
    Entity(label="red sofa", phrase="sofa", colours=["red"]),
    Entity(label="bird", phrase="bird", count=3),
    Entity(label="garden", phrase="garden", is_place=True),
]
RELATIONS = [
    Relation(subject=0, kind="on", object=1),
    Relation(subject=0, kind="under", object=1),
    Relation(subject=2, kind="above", object=0),
]


def thing(place: int, number: int, box: tuple[float, float, float, float], **more: Any) -> Any:
    """Return an object of an entity: a filled box."""
    label = ENTITIES[place].label
    mask = np.zeros(SIZE_HW, bool)
    mask[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = True
    fields = {"id": 10 * place + number, "score": 0.875, "label": label, **more}
    return EntityObject(
        object_id=f"{label}_{number}", entity=place, box=box, mask=mask_to_rle(mask),
        area=int(mask.sum()), **fields,
    )  # fmt: skip


def image_of(path: Path, *objects: EntityObject) -> ImageEntities:
    """Write a grey image and return what it shows."""
    path.parent.mkdir(exist_ok=True, parents=True)
    PIL.Image.new("RGB", SIZE_HW[::-1], (120, 120, 120)).save(path)
    size = ImageInfo(width=SIZE_HW[1], height=SIZE_HW[0])
    return ImageEntities(
        file_name=str(path), image=size, objects=list(objects), warnings=["It was in CMYK."]
    )


def renamed(found: EntitySegmentation, place: int, name: str | None) -> EntitySegmentation:
    """Return the result with another name of one image, the generated one by -1."""
    images = list(found.images)
    images[place] = images[place].model_copy(update={"file_name": name})
    update = {"contextual": images[:-1], "generated": images[-1]}
    return EntitySegmentation(found.result.model_copy(update=update), found.sources)


@pytest.fixture
def found(tmp_path: Path) -> EntitySegmentation:
    """Two dogs on a sofa: one dog and the sofa are known, an image is broken, birds are missing."""
    dog = thing(0, 0, (10.0, 10.0, 60.9, 60.0), colours={"black": 0.75, "brown": 0.25})
    stray = thing(0, 1, (70.0, 10.0, 110.0, 60.0), colours={"black": 0.9, "grey": 0.1})
    sofa = thing(1, 0, (5.0, 55.0, 150.0, 110.0), colours={"blue": 1.0})
    old_dog = thing(0, 0, (20.0, 20.0, 70.0, 70.0), embedding=[1.0, 0.0])
    broken = ImageEntities(
        file_name=str(tmp_path / "broken.png"),
        error=InvalidImageError("The file is not a valid image.").to_dict(),
    )
    contextual = [
        image_of(tmp_path / "a" / "x.png", old_dog),
        broken,
        image_of(tmp_path / "b" / "x.png", thing(1, 0, (0.0, 0.0, 80.0, 80.0))),
    ]
    generated = image_of(tmp_path / "g ü.png", dog, stray, sofa)
    pairings = [
        Pairing(generated="black dog_0", label="black dog", contextual="black dog_0", image=0,
                cosine=0.75, paired=True),
        Pairing(generated="black dog_1", label="black dog", paired=False),
        Pairing(generated="red sofa_0", label="red sofa", contextual="red sofa_0", image=2,
                cosine=0.25, paired=False),
    ]  # fmt: skip
    result = EntitiesResult(
        task_id="t", prompt="Two black dogs on a red sofa", entities=ENTITIES, relations=RELATIONS,
        contextual=contextual, generated=generated, pairings=pairings,
        judgement=judge(ENTITIES, RELATIONS, generated, contextual, pairings),
        warnings=["The text was cut."],
    )  # fmt: skip
    sources = [Path(str(each.file_name)) for each in [*contextual, generated]]
    return EntitySegmentation(result, sources)
