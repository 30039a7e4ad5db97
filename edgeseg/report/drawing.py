"""Drawings of entities: pairs in one colour across images, and annotated images to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import PIL.Image

from edgeseg.entity_result import EntitySegmentation
from edgeseg.render import Colour, colour_of, overlay
from edgeseg.schemas import EntityObject

UNPAIRED: Colour = (150, 150, 150)
# As the original draws them.
_OPACITY = 0.4


def pair_numbers(found: EntitySegmentation) -> list[dict[str, int]]:
    """Return for each image the number of the pair that an object belongs to, by its id.

    Pairs are numbered from 1; with many-to-one pairing, several objects share a number. Objects
    without a partner have none.
    """
    images: list[dict[str, int]] = [{} for _ in found.images]
    for each in found.result.pairings:
        if not each.paired or each.image is None or each.contextual is None:
            continue
        place = images[each.image]
        number = place.get(each.contextual) or 1 + max(
            (number for image in images for number in image.values()), default=0
        )
        place[each.contextual] = images[-1][each.generated] = number
    return images


def pair_colour(number: int | None) -> Colour:
    """Return the colour of a pair; grey for no pair."""
    return UNPAIRED if number is None else colour_of(number - 1)


def paired_overlays(found: EntitySegmentation) -> Iterator[PIL.Image.Image | None]:
    """Yield each image with its objects in the colours of their pairs; None for one that failed."""
    drawn = iter(found.segmentations())
    for shown, numbers in zip(found.images, pair_numbers(found), strict=True):
        if shown.image is None:
            yield None
            continue
        paints = [pair_colour(numbers.get(each.object_id)) for each in shown.objects]
        yield overlay(
            next(drawn).image, tagged(shown.objects, numbers), boxes=False, colours=paints
        )


def tagged(objects: Sequence[EntityObject], numbers: dict[str, int]) -> list[EntityObject]:
    """Return the objects with the number of their pair before their labels."""
    return [
        each.model_copy(update={"label": f"{numbers[each.object_id]} {each.label}"})
        if each.object_id in numbers
        else each
        for each in objects
    ]


def annotated(found: EntitySegmentation) -> Iterator[tuple[str, PIL.Image.Image]]:
    """Yield a file name and a drawing, with boxes and scores, of each image that was read."""
    names = [f"contextual_{index}" for index in range(len(found.images) - 1)] + ["generated"]
    drawn = iter(found.segmentations())
    for name, shown in zip(names, found.images, strict=True):
        if shown.image is not None:
            image = next(drawn).image
            yield f"{name}_annotated.jpg", overlay(image, shown.objects, opacity=_OPACITY)
