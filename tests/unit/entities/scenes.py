"""Painted scenes of cups, balls, bottles, bowls and a screen, lit from the upper left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from edgeseg.types import BoolArray, FloatArray, UInt8Array

SIZE_WH = (640, 480)
COLOURS = {
    "red": (205, 30, 35), "blue": (35, 70, 190), "green": (40, 145, 60), "yellow": (240, 205, 40),
    "white": (238, 236, 230), "black": (28, 28, 30), "orange": (240, 130, 25),
    "purple": (110, 50, 150), "pink": (240, 140, 175), "grey": (128, 128, 128),
    "brown": (110, 65, 35),
}  # fmt: skip
_SCALE = 2
"""Painted this many times larger, then made small: smooth edges."""
Rgb = tuple[int, int, int]
Paint = Callable[[ImageDraw.ImageDraw], None]


@dataclass(frozen=True)
class Thing:
    """A thing to paint: its kind, its colour, the middle of its foot and its size in pixels."""

    kind: str
    colour: str
    foot_xy: tuple[float, float]
    size_wh: tuple[float, float]


def paint(
    things: Sequence[Thing],
    wall: Rgb = (205, 200, 190),
    table: Rgb = (120, 78, 48),
    light: float = 1.0,
    seed: int = 0,
) -> UInt8Array:
    """Return (480, 640, 3) RGB of things on a table, the last one in front."""
    width, height = SIZE_WH[0] * _SCALE, SIZE_WH[1] * _SCALE
    down = np.linspace(0.85, 1.05, height, dtype=np.float32)[:, None, None]
    pixels = np.broadcast_to(np.array(wall, np.float32) * down, (height, width, 3)).copy()
    horizon = int(0.45 * height)
    pixels[horizon:] = np.array(table, np.float32) * (down[horizon:] * 2 - 1)
    pixels += np.random.default_rng(seed).normal(0, 3, pixels.shape)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    for thing in things:
        _THINGS[thing.kind](image, thing)
    small = np.asarray(image.resize(SIZE_WH, Image.Resampling.LANCZOS), np.float32)
    made: UInt8Array = (small * light).clip(0, 255).astype(np.uint8)
    return made


def _ball(image: Image.Image, thing: Thing) -> None:
    x, y, width, height = _place(thing)

    def outline(draw: ImageDraw.ImageDraw) -> None:
        draw.ellipse((x - width / 2, y - height, x + width / 2, y), fill=255)

    _shadow(image, x, y, 0.8 * width)
    _solid(image, outline, COLOURS[thing.colour], is_ball=True)


def _cup(image: Image.Image, thing: Thing) -> None:
    x, y, width, height = _place(thing)
    rim = 0.16 * width

    def outline(draw: ImageDraw.ImageDraw) -> None:
        top, foot = y - height, y - rim / 2
        corners = [(-0.5, top), (0.5, top), (0.38, foot), (-0.38, foot)]
        draw.polygon([(x + part * width, row) for part, row in corners], fill=255)
        draw.ellipse((x - 0.38 * width, y - rim, x + 0.38 * width, y), fill=255)
        draw.ellipse((x - width / 2, top - rim, x + width / 2, top + rim), fill=255)
        handle = (x + 0.28 * width, y - 0.85 * height, x + 0.82 * width, y - 0.2 * height)
        draw.ellipse(handle, outline=255, width=int(0.1 * width))

    _shadow(image, x, y, 0.9 * width)
    _solid(image, outline, COLOURS[thing.colour])
    _opening(image, (x, y - height), 0.47 * width, 0.85 * rim, thing.colour)


def _bowl(image: Image.Image, thing: Thing) -> None:
    x, y, width, height = _place(thing)
    rim = 0.14 * width

    def outline(draw: ImageDraw.ImageDraw) -> None:
        draw.pieslice((x - width / 2, y - 2 * height, x + width / 2, y), 0, 180, fill=255)
        draw.ellipse((x - width / 2, y - height - rim, x + width / 2, y - height + rim), fill=255)

    _shadow(image, x, y, 0.7 * width)
    _solid(image, outline, COLOURS[thing.colour])
    _opening(image, (x, y - height), 0.47 * width, 0.88 * rim, thing.colour)


def _bottle(image: Image.Image, thing: Thing) -> None:
    x, y, width, height = _place(thing)

    def outline(draw: ImageDraw.ImageDraw) -> None:
        body = (x - width / 2, y - 0.65 * height, x + width / 2, y)
        draw.rounded_rectangle(body, radius=0.2 * width, fill=255)
        corners = [(-0.5, 0.6), (0.5, 0.6), (0.17, 0.8), (-0.17, 0.8)]
        draw.polygon([(x + part * width, y - up * height) for part, up in corners], fill=255)
        draw.rectangle(
            (x - 0.17 * width, y - height, x + 0.17 * width, y - 0.75 * height), fill=255
        )

    _shadow(image, x, y, width)
    _solid(image, outline, COLOURS[thing.colour])
    cap = (x - 0.2 * width, y - height, x + 0.2 * width, y - 0.93 * height)
    ImageDraw.Draw(image).rectangle(cap, fill=(230, 230, 230))


def _tv(image: Image.Image, thing: Thing) -> None:
    x, y, width, height = _place(thing)
    draw, dark = ImageDraw.Draw(image), (25, 25, 25)
    draw.rectangle((x - 0.07 * width, y - 0.2 * height, x + 0.07 * width, y), fill=dark)
    foot = (x - width / 4, y - 0.06 * height, x + width / 4, y + 0.02 * height)
    draw.ellipse(foot, fill=dark)
    frame = (x - width / 2, y - height, x + width / 2, y - 0.15 * height)
    draw.rounded_rectangle(frame, radius=6, fill=dark)
    screen = (x - 0.47 * width, y - 0.96 * height, x + 0.47 * width, y - 0.2 * height)
    draw.rectangle(screen, fill=COLOURS[thing.colour])


_THINGS = {"ball": _ball, "cup": _cup, "bowl": _bowl, "bottle": _bottle, "tv": _tv}


def _place(thing: Thing) -> tuple[float, float, float, float]:
    x, y, width, height = (value * _SCALE for value in (*thing.foot_xy, *thing.size_wh))
    return x, y, width, height


def _solid(image: Image.Image, outline: Paint, colour: Rgb, is_ball: bool = False) -> None:
    """Paint a round body within an outline: diffuse light and a highlight."""
    layer = Image.new("L", image.size, 0)
    outline(ImageDraw.Draw(layer))
    box = layer.getbbox()
    assert box is not None
    layer = layer.crop(box)
    normals = _normals(np.asarray(layer) > 127, is_ball)
    lamp = np.array([-0.45, -0.6, 0.66] if is_ball else [-0.5, 0, 0.86], np.float32)
    diffuse = (normals @ lamp).clip(0)
    shine = 0.5 * (normals @ np.array([-0.25, -0.35, 0.9], np.float32)).clip(0) ** 40
    lit = np.array(colour, np.float32) / 255 * (0.3 + 0.75 * diffuse)[..., None] + shine[..., None]
    image.paste(Image.fromarray((lit.clip(0, 1) * 255).astype(np.uint8)), box[:2], layer)


def _normals(mask: BoolArray, is_ball: bool) -> FloatArray:
    """(H, W, 3) of a ball or of an upright cylinder that fills the box of a mask."""
    rows, columns = np.nonzero(mask)
    x = np.interp(np.arange(mask.shape[1]), (columns.min(), columns.max()), (-1, 1))[None]
    y = np.interp(np.arange(mask.shape[0]), (rows.min(), rows.max()), (-1, 1))[:, None] * is_ball
    x, y = np.broadcast_arrays(x, y)
    made: FloatArray = np.stack([x, y, np.sqrt((1 - x**2 - y**2).clip(0.02))], -1)
    return made.astype(np.float32)


def _opening(
    image: Image.Image, middle_xy: tuple[float, float], across: float, up: float, colour: str
) -> None:
    """Paint the inside of a vessel, which lies in its own shadow."""
    (x, y), shadow = middle_xy, tuple(int(0.5 * value) for value in COLOURS[colour])
    ImageDraw.Draw(image).ellipse((x - across, y - up, x + across, y + up), fill=shadow)


def _shadow(image: Image.Image, x: float, y: float, width: float) -> None:
    layer = Image.new("L", image.size, 0)
    spot = (x - 0.55 * width, y - 0.2 * width, x + 0.75 * width, y + 0.1 * width)
    ImageDraw.Draw(layer).ellipse(spot, fill=150)
    soft = layer.filter(ImageFilter.GaussianBlur(4 * _SCALE))
    image.paste((20, 15, 10), (0, 0, *image.size), soft)


ball, cup, bowl, bottle, tv = (partial(Thing, kind) for kind in _THINGS)
