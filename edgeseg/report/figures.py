"""Images of the report page: each with its objects marked, and cut-outs of pairs side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import PIL.Image

from edgeseg.entity_result import EntitySegmentation
from edgeseg.render import Colour, ink_on
from edgeseg.report.drawing import fitted_images, pair_colour, pair_numbers, paired_overlay
from edgeseg.report.verdicts import short_names
from edgeseg.schemas import EntityObject, ImageEntities, Pairing
from edgeseg.types import Image

MANY = 2
"""More references than this are shown smaller, in columns."""
# Wide enough to judge by, small enough to send.
_IMAGE_PX = 1200
_COLUMN_PX = 640
_CUTOUT_PX = 112
_MARGIN = 0.08


@dataclass(frozen=True)
class Figures:
    """HTML of each image, the generated one last, and of the cut-outs that pairs are made of.

    ``cutouts`` are by the image's position and the object's id, of paired objects alone.
    """

    images: list[str]
    cutouts: dict[tuple[int, str], str]


def figures(found: EntitySegmentation) -> Figures:
    """Return all images of the page; each is decoded once and forgotten."""
    numbers, names = pair_numbers(found.result), short_names(found.result)
    partners = _partners(found.result.pairings, names)
    images: list[str] = []
    cutouts: dict[tuple[int, str], str] = {}
    are_small = len(names) - 1 > MANY
    fitting = fitted_images(found, _IMAGE_PX, _COLUMN_PX if are_small else None)
    for index, fitted in enumerate(fitting):
        shown, name = found.images[index], names[index]
        if fitted is None:
            images.append(_failed(shown, name))
            continue
        image, objects = fitted
        is_generated = index == len(names) - 1
        tags = "".join(
            _tag(each, numbers[index].get(each.object_id), partners if is_generated else {})
            for each in objects
        )
        scale = 2.0 if are_small and not is_generated else 1.25
        drawn = paired_overlay(image, objects, numbers[index], scale)
        images.append(_figure(drawn, name, tags, shown.warnings))
        for each in objects:
            if each.object_id in numbers[index]:
                cutouts[index, each.object_id] = _cutout(image, each, name)
    return Figures(images, cutouts)


def chip(number: int | None) -> str:
    """Return the tag of a pair: its number on its colour; a dashed square for no pair."""
    if number is None:
        return '<i class="chip none"></i>'
    colour = pair_colour(number)
    return f'<i class="chip" style="background:{rgb(colour)};color:{ink_on(colour)}">{number}</i>'


def rgb(colour: Colour) -> str:
    """Return a colour as CSS has it."""
    return f"rgb({colour[0]},{colour[1]},{colour[2]})"


def _partners(pairings: Sequence[Pairing], names: Sequence[str]) -> dict[str, str]:
    return {
        each.generated: f"as in {names[each.image]}"
        for each in pairings
        if each.paired and each.image is not None
    }


def _figure(drawn: PIL.Image.Image, name: str, tags: str, warnings: Sequence[str]) -> str:
    alt = escape(f"{name} with its objects marked; they are listed below")
    remarks = "".join(f'<p class="note">{escape(each)}</p>' for each in warnings)
    return (
        f'<figure><img alt="{alt}" width="{drawn.width}" height="{drawn.height}"'
        f' src="{_data_uri(drawn)}"><figcaption dir="auto">{escape(name)}</figcaption>'
        f'<ul class="tags">{tags or "<li>Nothing found.</li>"}</ul>{remarks}</figure>'
    )


def _failed(shown: ImageEntities, name: str) -> str:
    error = shown.error or {}
    detail = escape(str(error.get("detail") or "It could not be read."))
    code = f" <code>{escape(str(error['code']))}</code>" if error.get("code") else ""
    return (
        f'<figure class="failed"><p><b>✗ Could not be read.</b> {detail}{code}</p>'
        f'<figcaption dir="auto">{escape(name)}</figcaption></figure>'
    )


def _tag(each: EntityObject, number: int | None, partners: dict[str, str]) -> str:
    partner = partners.get(each.object_id, "")
    more = f" · {escape(partner)}" if partner else ""
    said = f"<bdi>{escape(each.label)}</bdi> <small>{each.score:.2f}{more}</small>"
    return f"<li>{chip(number)}{said}</li>"


def _cutout(image: Image, each: EntityObject, name: str) -> str:
    height, width = image.size_hw
    x0, y0, x1, y1 = each.box
    margin = _MARGIN * max(x1 - x0, y1 - y0)
    left, top = max(0, int(x0 - margin)), max(0, int(y0 - margin))
    right, bottom = min(width, round(x1 + margin)), min(height, round(y1 + margin))
    left, top = min(left, width - 1), min(top, height - 1)
    part = image.rgb[top : max(bottom, top + 1), left : max(right, left + 1)]
    small = PIL.Image.fromarray(part)
    small.thumbnail((2 * _CUTOUT_PX, 2 * _CUTOUT_PX))
    alt = escape(f"{each.label} in {name}")
    return f'<img class="cutout" alt="{alt}" title="{alt}" src="{_data_uri(small)}">'


def _data_uri(pil_image: PIL.Image.Image) -> str:
    out = io.BytesIO()
    pil_image.save(out, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
