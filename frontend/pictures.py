"""What the page draws: views of a result at the size of a screen, cut-outs, and small pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import PIL.Image
import PIL.ImageDraw

from edgeseg.codecs import decode_image, mask_to_rle, rle_area, rle_to_mask
from edgeseg.render import Colour, overlay
from edgeseg.schemas import Point, Rle, SegmentedObject
from edgeseg.settings import get_settings
from edgeseg.types import Image, UInt8Array

SCREEN_PX = 1280
THUMB_PX = 240
_SQUARE_PX = 12


@lru_cache(maxsize=2)
def decoded(data: bytes) -> Image:
    """Return the picture of a file as people see it, in full size."""
    limits = get_settings()
    return decode_image(data, max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels)


@lru_cache(maxsize=64)
def on_screen(data: bytes, longest_px: int = SCREEN_PX) -> Image:
    """Return the picture with its longer side at most this long."""
    image = decoded(data)
    if max(image.size_hw) <= longest_px:
        return image
    small = PIL.Image.fromarray(image.rgb)
    small.thumbnail((longest_px, longest_px), reducing_gap=2.0)
    return Image.from_array(np.asarray(small))


def scaled(objects: Sequence[SegmentedObject], size_hw: tuple[int, int]) -> list[SegmentedObject]:
    """Return the objects on a picture of another size."""
    return [_scaled(each, size_hw) for each in objects]


def _scaled(each: SegmentedObject, size_hw: tuple[int, int]) -> SegmentedObject:
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


def draw(
    data: bytes,
    objects: Sequence[SegmentedObject],
    colours: Sequence[Colour],
    *,
    opacity: float = 0.45,
    masks: bool = True,
    boxes: bool = True,
    labels: bool = True,
    longest_px: int = SCREEN_PX,
) -> PIL.Image.Image:
    """Draw objects on the picture as :func:`edgeseg.render.overlay` does, at most so large."""
    image = on_screen(data, longest_px)
    return overlay(
        image,
        scaled(objects, image.size_hw),
        opacity=opacity,
        masks=masks,
        boxes=boxes,
        labels=labels,
        colours=colours,
    )


def masks_only(
    data: bytes, objects: Sequence[SegmentedObject], colours: Sequence[Colour]
) -> PIL.Image.Image:
    """Draw the masks in their colours on black, smaller ones on top."""
    height, width = on_screen(data).size_hw
    pixels = np.zeros((height, width, 3), np.uint8)
    pairs = zip(scaled(objects, (height, width)), colours, strict=True)
    for each, colour in sorted(pairs, key=lambda pair: -pair[0].area):
        pixels[rle_to_mask(each.mask)] = colour
    return PIL.Image.fromarray(pixels)


def cutout(image: Image, each: SegmentedObject) -> PIL.Image.Image | None:
    """Return an object alone on transparency, cut to its mask (RGBA); None for an empty mask."""
    mask = rle_to_mask(each.mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    alpha = mask[window].astype(np.uint8) * np.uint8(255)
    return PIL.Image.fromarray(np.dstack([image.rgb[window], alpha]))


def on_squares(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Put a transparent picture on the grey squares that stand for transparency."""
    down, across = np.indices((picture.height, picture.width)) // _SQUARE_PX
    grey = np.where((down + across) % 2, 235, 205).astype(np.uint8)
    ground = PIL.Image.fromarray(grey).convert("RGBA")
    return PIL.Image.alpha_composite(ground, picture).convert("RGB")


def mark_points(picture: PIL.Image.Image, points: Sequence[Point], scale: float) -> None:
    """Draw clicks into a picture: a plus on green, a minus on red, ringed in white."""
    pen = PIL.ImageDraw.Draw(picture)
    radius = max(7, round(max(picture.size) / 110))
    arm = radius * 0.55
    for point in points:
        x, y = point.x * scale, point.y * scale
        around = (x - radius, y - radius, x + radius, y + radius)
        fill = (22, 140, 60) if point.label else (200, 30, 40)
        pen.ellipse(around, fill=fill, outline="white", width=max(2, radius // 4))
        pen.line((x - arm, y, x + arm, y), fill="white", width=max(2, radius // 4))
        if point.label:
            pen.line((x, y - arm, x, y + arm), fill="white", width=max(2, radius // 4))


def mark_corner(picture: PIL.Image.Image, x: float, y: float) -> None:
    """Draw the first corner of a box that is half drawn."""
    pen = PIL.ImageDraw.Draw(picture)
    pen.line((x, 0, x, picture.height), fill=(255, 210, 0), width=2)
    pen.line((0, y, picture.width, y), fill=(255, 210, 0), width=2)


def jpeg_url(picture: PIL.Image.Image | UInt8Array) -> str:
    """Return a picture as a data URL."""
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def swatch_url(colour: Colour) -> str:
    """Return a small square of one colour as a data URL."""
    out = io.BytesIO()
    PIL.Image.new("RGB", (16, 16), colour).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")
