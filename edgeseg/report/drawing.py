"""Drawings of entities: pairs in one colour across images, and annotated images to keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import PIL.Image

from edgeseg.entity_result import EntitySegmentation
from edgeseg.render import Colour, colour_of, overlay, scaled, shrunk
from edgeseg.schemas import EntitiesResult, EntityObject, positions
from edgeseg.types import Image

UNPAIRED: Colour = (190, 190, 190)
# As the original draws and saves them.
_OPACITY = 0.4
QUALITY = 95
"""JPEG quality of the annotated images."""
# Light, so that the colours of the objects can be judged.
_PAIRED_OPACITY = 0.22


def pair_numbers(result: EntitiesResult) -> list[dict[str, int]]:
    """Return for each image the number of the pair that an object belongs to, by its id.

    Pairs are numbered from 1; with many-to-one pairing, several objects share a number. Objects
    without a partner have none.
    """
    images: list[dict[str, int]] = [{} for _ in result.images]
    highest = 0
    for each in result.pairings:
        if not each.paired or each.image is None or each.contextual is None:
            continue
        place = images[each.image]
        if each.contextual not in place:
            highest += 1
            place[each.contextual] = highest
        images[-1][each.generated] = place[each.contextual]
    return images


def pair_colour(number: int | None) -> Colour:
    """Return the colour of a pair; grey for no pair."""
    return UNPAIRED if number is None else colour_of(number - 1)


def fitted_images(
    found: EntitySegmentation, longest_px: int, reference_px: int | None = None
) -> Iterator[tuple[Image, list[EntityObject]] | None]:
    """Yield each image, at most so large, and its objects on it; None for one that failed.

    ``reference_px`` is the limit of all but the generated image, if another.
    """
    segmentations = iter(found.segmentations())
    limits_px = [reference_px or longest_px] * len(found.result.contextual) + [longest_px]
    for shown, limit_px in zip(found.images, limits_px, strict=True):
        if shown.image is None:
            yield None
            continue
        image = shrunk(next(segmentations).image, limit_px)
        yield image, scaled(shown.objects, image.size_hw)


def paired_overlay(
    image: Image, objects: Sequence[EntityObject], numbers: Mapping[str, int], scale: float = 1.25
) -> PIL.Image.Image:
    """Draw objects in the colours and with the numbers of their pairs, others in grey dashes.

    ``numbers`` are those of this image in `pair_numbers`, ``scale`` is that of `overlay`.
    """
    places = [numbers.get(each.object_id) for each in objects]
    return overlay(
        image,
        objects,
        opacity=_PAIRED_OPACITY,
        boxes=False,
        scale=scale,
        colours=[pair_colour(number) for number in places],
        captions=[
            each.label if number is None else f"{number} {each.label}"
            for number, each in zip(places, objects, strict=True)
        ],
        dashed=[index for index, number in enumerate(places) if number is None],
    )


def annotated(found: EntitySegmentation) -> Iterator[tuple[str, PIL.Image.Image]]:
    """Yield a file name and a drawing, with boxes and scores, of each image that was read.

    An image without objects is as it was.
    """
    names = annotated_names(len(found.images))
    segmentations = iter(found.segmentations())
    for name, shown in zip(names, found.images, strict=True):
        if shown.image is not None:
            captions = [f"{each.label}: {each.score:.2f}" for each in shown.objects]
            image = next(segmentations).image
            yield name, overlay(image, shown.objects, opacity=_OPACITY, captions=captions)


def annotated_names(count: int) -> list[str]:
    """Return the names of the files that `annotated` yields of so many images."""
    return [f"{position}_annotated.jpg" for position in positions(count)]
