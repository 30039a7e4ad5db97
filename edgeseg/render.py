"""Images of results: overlays with distinct colours and readable labels, and contact sheets."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from edgeseg.codecs import rle_to_mask
from edgeseg.schemas import SegmentedObject
from edgeseg.types import BoolArray, Image, UInt8Array

Colour = tuple[int, int, int]
# Turning the hue by the golden angle keeps neighbours apart however many there are.
_GOLDEN = 0.61803398875
_SHADES = ((0.85, 1.0), (0.95, 0.75), (0.55, 1.0))


def colour_of(index: int) -> Colour:
    """Return the colour of object ``index``: bright, and unlike that of its neighbours."""
    saturation, value = _SHADES[(index // 6) % len(_SHADES)]
    red, green, blue = colorsys.hsv_to_rgb((0.56 + index * _GOLDEN) % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def overlay(
    image: Image,
    objects: Sequence[SegmentedObject],
    *,
    opacity: float = 0.45,
    masks: bool = True,
    boxes: bool = True,
    labels: bool = True,
    colours: Sequence[Colour] | None = None,
) -> PIL.Image.Image:
    """Draw objects on the image and return an RGB image of the same size.

    ``opacity`` is that of the masks' fill, 0..1; their outlines are always drawn. ``colours`` has
    one for each object, in place of `colour_of`. Raises ValueError when there are too few,
    and when a mask has another size than the image.
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity: expected 0 to 1, got {opacity}")
    paints = [colour_of(i) for i in range(len(objects))] if colours is None else list(colours)
    if len(paints) != len(objects):
        raise ValueError(f"colours: expected {len(objects)}, got {len(paints)}")
    pixels = image.rgb.copy()
    width_px = _line_width(image.size_hw)
    if masks:
        # Larger ones first, so that what lies on top of them stays in sight.
        for index in sorted(range(len(objects)), key=lambda i: -objects[i].area):
            _fill(pixels, objects[index], paints[index], opacity, width_px)
    pil_image = PIL.Image.fromarray(pixels)
    draw = PIL.ImageDraw.Draw(pil_image)
    if boxes:
        for index, each in enumerate(objects):
            _frame(draw, each, paints[index], width_px)
    if labels:
        _write_labels(draw, objects, paints, image.size_hw)
    return pil_image


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


def _line_width(size_hw: tuple[int, int]) -> int:
    return max(1, round(max(size_hw) / 500))


def _fill(
    pixels: UInt8Array, each: SegmentedObject, colour: Colour, opacity: float, width_px: int
) -> None:
    """Blend the colour into (H, W, 3) pixels in place, and draw the mask's outline."""
    mask = rle_to_mask(each.mask)
    if mask.shape != pixels.shape[:2]:
        raise ValueError(f"mask: expected size {pixels.shape[:2]}, got {mask.shape}")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part, inside = pixels[window], mask[window]
    paint = np.array(colour, np.float32)
    blended = part[inside] * (1 - opacity) + paint * opacity
    part[inside] = blended.round().astype(np.uint8)
    part[inside & ~_eroded(inside, width_px)] = colour


def _eroded(mask: BoolArray, steps: int) -> BoolArray:
    """Take ``steps`` pixels off the edge of an (H, W) mask; outside the array counts as outside."""
    for _ in range(steps):
        padded = np.pad(mask, 1)
        mask = mask & padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
    return mask


def _frame(
    draw: PIL.ImageDraw.ImageDraw, each: SegmentedObject, colour: Colour, width_px: int
) -> None:
    x0, y0, x1, y1 = each.box
    if x1 - x0 >= 1 and y1 - y0 >= 1:
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=colour, width=width_px)


def _write_labels(
    draw: PIL.ImageDraw.ImageDraw,
    objects: Sequence[SegmentedObject],
    paints: Sequence[Colour],
    size_hw: tuple[int, int],
) -> None:
    """Write each label on a plate of its colour, at its box and clear of the plates before it."""
    height, width = size_hw
    font = PIL.ImageFont.load_default(max(11, min(32, round(max(size_hw) / 40))))
    taken: list[tuple[float, float, float, float]] = []
    for index, each in enumerate(objects):
        text = _shortened(f"{each.label} {each.score:.2f}", font, width)
        left, top, right, bottom = draw.textbbox((0, 0), text, font)
        pad = max(2, round((bottom - top) / 4))
        size = (right - left + 2 * pad, bottom - top + 2 * pad)
        plate = _place(each.box, size, (width, height), taken)
        taken.append(plate)
        colour = paints[index]
        draw.rectangle(plate, fill=colour)
        ink = "black" if _luminance(colour) > 0.35 else "white"
        draw.text((plate[0] + pad - left, plate[1] + pad - top), text, ink, font)


def _place(
    box: tuple[float, float, float, float],
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


def _shortened(
    text: str, font: PIL.ImageFont.ImageFont | PIL.ImageFont.FreeTypeFont, limit_px: float
) -> str:
    """Cut a text to at most ``limit_px``, with dots at its end."""
    if font.getlength(text) <= limit_px:
        return text
    while len(text) > 1 and font.getlength(text + "...") > limit_px:
        text = text[:-1]
    return text + "..."
