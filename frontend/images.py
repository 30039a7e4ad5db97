"""Images that the page shows: views of a result at screen size, cut-outs, and thumbnails."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import PIL.Image
import PIL.ImageDraw

from edgeseg.codecs import decode_image, rle_to_mask
from edgeseg.render import Colour, overlay, scaled, shrunk
from edgeseg.schemas import Point, SegmentedObject
from edgeseg.settings import get_settings
from edgeseg.types import Image, UInt8Array

SCREEN_PX = 1280
THUMB_PX = 240
_SQUARE_PX = 12


@lru_cache(maxsize=2)
def decoded(data: bytes) -> Image:
    """Return the decoded image of a file in full size, after EXIF orientation."""
    limits = get_settings()
    return decode_image(data, max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels)


@lru_cache(maxsize=64)
def on_screen(data: bytes, longest_px: int = SCREEN_PX) -> Image:
    """Return the image with its longer side at most this long."""
    return shrunk(decoded(data), longest_px)


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
    """Draw objects on the image as `overlay` does, at most so large."""
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


def on_squares(pil_image: PIL.Image.Image) -> PIL.Image.Image:
    """Put a transparent image on the grey squares that stand for transparency."""
    down, across = np.indices((pil_image.height, pil_image.width)) // _SQUARE_PX
    grey = np.where((down + across) % 2, 235, 205).astype(np.uint8)
    ground = PIL.Image.fromarray(grey).convert("RGBA")
    return PIL.Image.alpha_composite(ground, pil_image).convert("RGB")


def mark_points(pil_image: PIL.Image.Image, points: Sequence[Point], scale: float) -> None:
    """Draw clicks into an image: a plus on green, a minus on red, ringed in white."""
    pen = PIL.ImageDraw.Draw(pil_image)
    radius = max(7, round(max(pil_image.size) / 110))
    arm = radius * 0.55
    for point in points:
        x, y = point.x * scale, point.y * scale
        around = (x - radius, y - radius, x + radius, y + radius)
        fill = (22, 140, 60) if point.label else (200, 30, 40)
        pen.ellipse(around, fill=fill, outline="white", width=max(2, radius // 4))
        pen.line((x - arm, y, x + arm, y), fill="white", width=max(2, radius // 4))
        if point.label:
            pen.line((x, y - arm, x, y + arm), fill="white", width=max(2, radius // 4))


def mark_corner(pil_image: PIL.Image.Image, x: float, y: float) -> None:
    """Draw the first corner of a box that is half drawn."""
    pen = PIL.ImageDraw.Draw(pil_image)
    pen.line((x, 0, x, pil_image.height), fill=(255, 210, 0), width=2)
    pen.line((0, y, pil_image.width, y), fill=(255, 210, 0), width=2)


def jpeg_url(pil_image: PIL.Image.Image | UInt8Array) -> str:
    """Return an image as a data URL."""
    if isinstance(pil_image, np.ndarray):
        pil_image = PIL.Image.fromarray(pil_image)
    out = io.BytesIO()
    pil_image.save(out, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def swatch_url(colour: Colour) -> str:
    """Return a small square of one colour as a data URL."""
    out = io.BytesIO()
    PIL.Image.new("RGB", (16, 16), colour).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")
