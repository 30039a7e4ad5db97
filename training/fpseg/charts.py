"""Figures as PNG files: a confusion matrix, bars of classes, curves of times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from edgeseg.files import replacing
from edgeseg.types import FloatArray, IntArray
from training.fpseg.class_table import Colour

Points = Sequence[tuple[float, float]]
INK, GRID, PAPER = (30, 30, 30), (215, 215, 215), (255, 255, 255)
COLOURS = ((40, 90, 200), (210, 70, 40), (60, 150, 70), (150, 80, 170))
FONT_PX = 15


def draw_bars(values: Mapping[str, float], title: str, path: Path) -> None:
    """Draw values in [0, 1] as bars, one below the other."""
    font, row = _font(), FONT_PX + 9
    left = 20 + max(int(font.getlength(name)) for name in values)
    width, bar = left + 460, 380
    image, draw = _paper(width, 50 + row * len(values))
    draw.text((12, 12), title, INK, font)
    for number, (name, value) in enumerate(values.items()):
        y = 42 + number * row
        draw.text((10, y), name, INK, font)
        draw.rectangle((left, y + 2, left + bar, y + row - 6), GRID)
        draw.rectangle((left, y + 2, left + round(bar * value), y + row - 6), COLOURS[0])
        draw.text((left + bar + 8, y), f"{value:.3f}", INK, font)
    _save(image, path)


def draw_matrix(table: IntArray, rows: Sequence[str], columns: Sequence[str], path: Path) -> None:
    """Draw the share of each row's pixels that is in each column."""
    font, cell = _font(), 34
    shares: FloatArray = (table / np.maximum(table.sum(1, keepdims=True), 1)).astype(np.float32)
    left = 20 + max(int(font.getlength(name)) for name in rows)
    top = 20 + max(int(font.getlength(name)) for name in columns)
    image, draw = _paper(left + cell * len(columns) + 20, top + cell * len(rows) + 20)
    for place, name in enumerate(columns):
        label = PIL.Image.new("RGB", (top - 14, FONT_PX + 5), PAPER)
        PIL.ImageDraw.Draw(label).text((0, 0), name, INK, font)
        turned = label.rotate(90, expand=True)
        image.paste(turned, (left + place * cell + 8, top - turned.height - 4))
    for y, name in enumerate(rows):
        draw.text((10, top + y * cell + 8), name, INK, font)
        for x, share in enumerate(shares[y]):
            shade = _between(PAPER, COLOURS[0], float(share))
            box = (left + x * cell, top + y * cell, left + (x + 1) * cell, top + (y + 1) * cell)
            draw.rectangle(box, shade, GRID)
            if share >= 0.005:
                ink = PAPER if share > 0.5 else INK
                draw.text((box[0] + 8, box[1] + 8), f"{100 * share:.0f}", ink, font)
    _save(image, path)


def draw_curves(
    curves: Mapping[str, Points], title: str, axes: tuple[str, str], path: Path
) -> None:
    """Draw curves over whole numbers from 0, with the names of both axes."""
    font, (width, height), (left, top) = _font(), (760, 460), (70, 60)
    image, draw = _paper(width + left + 30, height + top + 60)
    draw.text((left, 10), title, INK, font)
    most_x = max(x for points in curves.values() for x, _ in points) or 1.0
    most_y = _round_up(max(y for points in curves.values() for _, y in points))
    for part in range(6):
        y = top + height - height * part / 5
        draw.line((left, y, left + width, y), GRID)
        draw.text((8, y - 9), f"{most_y * part / 5:g}", INK, font)
    for number in range(0, int(most_x) + 1, max(1, round(most_x / 10))):
        x = left + width * number / most_x
        draw.text((x - 4, top + height + 8), str(number), INK, font)
    draw.text((left + width - font.getlength(axes[0]), top + height + 30), axes[0], INK, font)
    draw.text((8, top - 28), axes[1], INK, font)
    for number, (name, points) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [
            (left + width * x / most_x, top + height - height * y / most_y) for x, y in points
        ]
        draw.line(places, colour, 3)
        for x, y in places:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), colour)
        draw.text((left + 14, top + 8 + number * (FONT_PX + 7)), name, colour, font)
    _save(image, path)


def _round_up(value: float) -> float:
    """Return a number above that divides into five without many digits."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(s * power for s in (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10) if s * power >= value))


def _between(low: Colour, high: Colour, share: float) -> Colour:
    red, green, blue = (round(p + (c - p) * share) for p, c in zip(low, high, strict=True))
    return red, green, blue


def _paper(width: int, height: int) -> tuple[PIL.Image.Image, PIL.ImageDraw.ImageDraw]:
    image = PIL.Image.new("RGB", (int(width), int(height)), PAPER)
    return image, PIL.ImageDraw.Draw(image)


def _font() -> PIL.ImageFont.FreeTypeFont:
    font = PIL.ImageFont.load_default(FONT_PX)
    assert isinstance(font, PIL.ImageFont.FreeTypeFont)
    return font


def _save(image: PIL.Image.Image, path: Path) -> None:
    with replacing(path) as part:
        image.save(part, "PNG")
