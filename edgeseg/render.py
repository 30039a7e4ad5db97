"""Images of results: overlays with distinct colours and readable labels, and contact sheets."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from edgeseg.codecs import (
    encode_jpeg,
    encode_png,
    mask_to_rle,
    rle_area,
    rle_to_mask,
    rle_to_small_mask,
)
from edgeseg.codecs.outline import mask_to_polygons
from edgeseg.schemas import FoundClasses, Rle, SegmentedObject
from edgeseg.types import BoolArray, Box, Image

Colour = tuple[int, int, int]
Font = PIL.ImageFont.ImageFont | PIL.ImageFont.FreeTypeFont
ObjectT = TypeVar("ObjectT", bound=SegmentedObject)
# Turning the hue by the golden angle keeps neighbours apart however many there are.
_GOLDEN = 0.61803398875
PREVIEW_PX = 1600
# Rows of a reduced image that are made at one time.
_STRIP_ROWS = 64
_SHADES = ((0.85, 1.0), (0.95, 0.75), (0.55, 1.0))


def colour_of(index: int) -> Colour:
    """Return the colour of object ``index``: bright, and unlike that of its neighbours."""
    saturation, value = _SHADES[(index // 6) % len(_SHADES)]
    red, green, blue = colorsys.hsv_to_rgb((0.56 + index * _GOLDEN) % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def class_colours(
    objects: Sequence[SegmentedObject], classes: FoundClasses | None
) -> list[Colour] | None:
    """Return the colours of a pack for its classes among the objects; None for any other result."""
    if classes is None:
        return None
    named = {each.name: each.color for each in classes.finished}
    return [named.get(each.label, colour_of(row)) for row, each in enumerate(objects)]


def ink_on(colour: Colour) -> str:
    """Return black or white, whichever can be read on this colour."""
    return "black" if _luminance(colour) > 0.35 else "white"


def overlay(
    image: Image,
    objects: Sequence[SegmentedObject],
    *,
    opacity: float = 0.45,
    masks: bool = True,
    boxes: bool = True,
    labels: bool = True,
    colours: Sequence[Colour] | None = None,
    captions: Sequence[str] | None = None,
    dashed: Collection[int] = (),
    scale: float = 1.0,
    reduction: int = 1,
) -> PIL.Image.Image:
    """Draw objects on the image and return an RGB image of its size divided by ``reduction``.

    ``opacity`` is that of the masks' fill, 0..1; their outlines are always drawn. ``colours`` has
    one for each object, in place of `colour_of`; ``captions`` likewise, in place of label and
    score. Objects at the positions ``dashed`` have a dashed outline and no fill. ``scale`` is that
    of outlines and text, for an image that is shown smaller. With ``reduction`` k, each pixel is
    the mean of k x k, and no copy of the whole image is made. Raises ValueError when there are too
    few, and when a mask has another size than the image.
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity: expected 0 to 1, got {opacity}")
    paints = [colour_of(i) for i in range(len(objects))] if colours is None else list(colours)
    if len(paints) != len(objects):
        raise ValueError(f"colours: expected {len(objects)}, got {len(paints)}")
    texts = [f"{each.label} {each.score:.2f}" for each in objects]
    texts = texts if captions is None else list(captions)
    if len(texts) != len(objects):
        raise ValueError(f"captions: expected {len(objects)}, got {len(texts)}")
    pil_image = _reduced(image, reduction)
    size_hw = (pil_image.height, pil_image.width)
    width_px = _line_width(size_hw, scale)
    draw = PIL.ImageDraw.Draw(pil_image)
    if masks:
        # Larger ones first, so that what lies on top of them stays in sight.
        for index in sorted(range(len(objects)), key=lambda i: -objects[i].area):
            if index not in dashed:
                mask = _mask_on(image, objects[index], reduction)
                _fill(pil_image, mask, paints[index], opacity, width_px)
        for index in dashed:
            _dash(draw, _mask_on(image, objects[index], reduction), paints[index], width_px)
    boxes_xyxy = [_divided(each.box, reduction) for each in objects]
    if boxes:
        for index, box in enumerate(boxes_xyxy):
            _frame(draw, box, paints[index], width_px)
    if labels:
        _write_labels(draw, boxes_xyxy, texts, paints, _font(size_hw, scale))
    return pil_image


def encoded_overlay(
    image: Image,
    objects: Sequence[SegmentedObject],
    classes: FoundClasses | None,
    kind: Literal["jpeg", "png"],
) -> bytes:
    """Return the overlay of an answer as a file: a JPEG of at most PREVIEW_PX, or a lossless PNG.

    Classes of a pack are drawn in its colours and without boxes.
    """
    reduction = 1 if kind == "png" else math.ceil(max(image.size_hw) / PREVIEW_PX)
    drawn = overlay(
        image,
        objects,
        boxes=classes is None,
        colours=class_colours(objects, classes),
        reduction=reduction,
    )
    return encode_png(drawn) if kind == "png" else encode_jpeg(drawn)


def _reduced(image: Image, reduction: int) -> PIL.Image.Image:
    """Return the image with its sides divided by an integer, rounded up; one strip at a time."""
    if reduction == 1:
        return PIL.Image.fromarray(image.rgb)
    height, width = (math.ceil(side / reduction) for side in image.size_hw)
    pil_image = PIL.Image.new("RGB", (width, height))
    rows = _STRIP_ROWS * reduction
    for strip, top in enumerate(range(0, image.size_hw[0], rows)):
        part = PIL.Image.fromarray(image.rgb[top : top + rows])
        pil_image.paste(part.reduce(reduction), (0, strip * _STRIP_ROWS))
    return pil_image


def _mask_on(image: Image, each: SegmentedObject, reduction: int) -> BoolArray:
    """Return every ``reduction``-th row and column of a mask, whose size must be the image's."""
    if tuple(each.mask.size) != image.size_hw:
        raise ValueError(f"mask: expected size {image.size_hw}, got {tuple(each.mask.size)}")
    return rle_to_small_mask(each.mask, reduction)


def _divided(box: Box, reduction: int) -> Box:
    x0, y0, x1, y1 = (side / reduction for side in box)
    return (x0, y0, x1, y1)


def shrunk(image: Image, longest_px: int) -> Image:
    """Return the image with its longer side at most this long."""
    if max(image.size_hw) <= longest_px:
        return image
    small = PIL.Image.fromarray(image.rgb)
    small.thumbnail((longest_px, longest_px), reducing_gap=2.0)
    return Image.from_array(np.asarray(small))


def scaled(objects: Sequence[ObjectT], size_hw: tuple[int, int]) -> list[ObjectT]:
    """Return the objects on an image of another size."""
    return [_scaled(each, size_hw) for each in objects]


def _scaled(each: ObjectT, size_hw: tuple[int, int]) -> ObjectT:
    if tuple(each.mask.size) == size_hw:
        return each
    mask = _scaled_mask(each.mask, size_hw)
    down, across = size_hw[0] / each.mask.size[0], size_hw[1] / each.mask.size[1]
    x0, y0, x1, y1 = each.box
    box = (x0 * across, y0 * down, x1 * across, y1 * down)
    return each.model_copy(update={"mask": mask, "box": box, "area": rle_area(mask)})


@lru_cache(maxsize=512)
def _scaled_mask(rle: Rle, wanted_hw: tuple[int, int]) -> Rle:
    mask = rle_to_mask(rle)
    resized = PIL.Image.fromarray(mask).resize((wanted_hw[1], wanted_hw[0]))
    return mask_to_rle(np.asarray(resized, dtype=bool))


def contact_sheet(
    images: Sequence[PIL.Image.Image],
    captions: Sequence[str],
    *,
    columns: int = 3,
    cell_px: int = 480,
) -> PIL.Image.Image:
    """Put images in rows, each fitted into a square cell with its caption below."""
    if len(images) != len(captions):
        raise ValueError(f"captions: expected {len(images)}, got {len(captions)}")
    if not images:
        raise ValueError("images: expected at least one, got none")
    font = PIL.ImageFont.load_default(max(12, cell_px // 24))
    columns = min(columns, len(images))
    gap, strip = cell_px // 30, cell_px // 12
    rows = math.ceil(len(images) / columns)
    size = (columns * (cell_px + gap) + gap, rows * (cell_px + strip + gap) + gap)
    sheet = PIL.Image.new("RGB", size, "white")
    draw = PIL.ImageDraw.Draw(sheet)
    for index, (pil_image, caption) in enumerate(zip(images, captions, strict=True)):
        left = gap + index % columns * (cell_px + gap)
        top = gap + index // columns * (cell_px + strip + gap)
        small = pil_image.convert("RGB")
        small.thumbnail((cell_px, cell_px))
        sheet.paste(
            small, (left + (cell_px - small.width) // 2, top + (cell_px - small.height) // 2)
        )
        text = _shortened(caption, font, cell_px)
        draw.text((left + cell_px / 2, top + cell_px + strip / 2), text, "black", font, anchor="mm")
    return sheet


def _line_width(size_hw: tuple[int, int], scale: float) -> int:
    return max(1, round(scale * max(size_hw) / 500))


@lru_cache(maxsize=32)
def _font_of(size_px: int) -> Font:
    # Pillow unpacks its font anew each time.
    return PIL.ImageFont.load_default(size_px)


def _font(size_hw: tuple[int, int], scale: float) -> Font:
    return _font_of(round(scale * max(11, min(32, round(max(size_hw) / 40)))))


def _fill(
    pil_image: PIL.Image.Image, mask: BoolArray, colour: Colour, opacity: float, width_px: int
) -> None:
    """Blend the colour into the image where the (H, W) mask is, and draw the mask's outline."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return
    left, top = int(columns[0]), int(rows[0])
    inside = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    alpha = inside * np.uint8(round(255 * opacity))
    alpha[inside & ~_eroded(inside, width_px)] = 255
    stencil = PIL.Image.fromarray(alpha)
    pil_image.paste(colour, (left, top, left + stencil.width, top + stencil.height), stencil)


def _dash(draw: PIL.ImageDraw.ImageDraw, mask: BoolArray, colour: Colour, width_px: int) -> None:
    """Draw the mask's outline in dashes on black, to be seen on any background."""
    dash_px = 6 * width_px
    for polygon in mask_to_polygons(mask, min_iou=1):
        for ring in polygon.rings:
            points = np.vstack([ring, ring[:1]])
            draw.line([(x, y) for x, y in points], "black", width_px + 2)
            along = np.cumsum([0.0, *np.hypot(*np.diff(points, axis=0).T)])
            for start in np.arange(0, along[-1], 2 * dash_px):
                end = min(start + dash_px, along[-1])
                between = slice(*np.searchsorted(along, [start, end], side="right"))
                stops = [start, *along[between], end]
                xs, ys = (np.interp(stops, along, values) for values in points.T)
                draw.line(list(zip(xs, ys, strict=True)), colour, width_px)


def _eroded(mask: BoolArray, steps: int) -> BoolArray:
    """Take ``steps`` pixels off the edge of an (H, W) mask; outside the array counts as outside."""
    for _ in range(steps):
        padded = np.pad(mask, 1)
        mask = mask & padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
    return mask


def _frame(draw: PIL.ImageDraw.ImageDraw, box: Box, colour: Colour, width_px: int) -> None:
    x0, y0, x1, y1 = box
    if x1 - x0 >= 1 and y1 - y0 >= 1:
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=colour, width=width_px)


def _write_labels(
    draw: PIL.ImageDraw.ImageDraw,
    boxes_xyxy: Sequence[Box],
    captions: Sequence[str],
    paints: Sequence[Colour],
    font: Font,
) -> None:
    """Write each caption on a plate of its colour, at its box and clear of the plates before it."""
    width, height = draw.im.size
    taken: list[tuple[float, float, float, float]] = []
    for index, box in enumerate(boxes_xyxy):
        text = _shortened(captions[index], font, width)
        left, top, right, bottom = draw.textbbox((0, 0), text, font)
        pad = max(2, round((bottom - top) / 4))
        size = (right - left + 2 * pad, bottom - top + 2 * pad)
        plate = _place(box, size, (width, height), taken)
        taken.append(plate)
        colour = paints[index]
        draw.rectangle(plate, fill=colour)
        draw.text((plate[0] + pad - left, plate[1] + pad - top), text, ink_on(colour), font)


def _place(
    box: Box,
    size: tuple[float, float],
    limits: tuple[int, int],
    taken: Sequence[tuple[float, float, float, float]],
) -> tuple[float, float, float, float]:
    """Return a plate near the box's top left corner: above, inside, below, or the next free row."""
    width, height = size
    x = min(max(0.0, box[0]), max(0.0, limits[0] - width))
    rows = [box[1] - height, box[1], box[3] - height, box[3]]
    rows += [box[1] + step * height for step in range(1, 12)]
    fitting = [y for y in rows if 0 <= y <= limits[1] - height] or [0.0]
    plates = [(x, y, x + width, y + height) for y in fitting]
    for plate in plates:
        if not any(_overlap(plate, other) for other in taken):
            return plate
    return plates[0]


def _overlap(
    left: tuple[float, float, float, float], right: tuple[float, float, float, float]
) -> bool:
    return left[0] < right[2] and right[0] < left[2] and left[1] < right[3] and right[1] < left[3]


def _luminance(colour: Colour) -> float:
    """Return the relative luminance, 0..1, by the formula of WCAG 2."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _shortened(text: str, font: Font, limit_px: float) -> str:
    """Cut a text to at most ``limit_px``, with dots at its end."""
    if font.getlength(text) <= limit_px:
        return text
    while len(text) > 1 and font.getlength(text + "...") > limit_px:
        text = text[:-1]
    return text + "..."
