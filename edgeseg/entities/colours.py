"""The eleven basic colours, measured by the pixels under a mask.

Each pixel gets the name that people give its place in CIELAB (Berlin and Kay, "Basic Color Terms",
1969, name the eleven; the borders below are ours):

    little chroma           black, grey or white, by lightness
    hue  -20..45 degrees    pink where light, brown where dark and dull, else red
    hue   45..80            brown where dark, else orange
    hue   80..110           yellow where light, else brown
    hue  110..195           green
    hue  195..295           blue
    hue  295..340           purple where dark, else pink
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFilter

from edgeseg.types import BoolArray, FloatArray, UInt8Array

BASIC = (
    "black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown",
)  # fmt: skip
_OTHER_NAMES = {
    "gray": "grey", "silver": "grey", "golden": "yellow", "gold": "yellow", "blonde": "yellow",
    "cream": "white", "beige": "brown", "tan": "brown", "bronze": "brown", "maroon": "red",
    "crimson": "red", "scarlet": "red", "navy": "blue", "turquoise": "blue", "cyan": "blue",
    "teal": "green", "olive": "green", "lime": "green", "violet": "purple", "lilac": "purple",
    "lavender": "purple", "magenta": "pink", "ginger": "orange",
}  # fmt: skip
MIN_SHARE = 0.25
"""Share of its pixels from which on an object has a colour."""
# Names that light and white balance turn into each other: either counts a half.
_NEIGHBOURS = {
    "red": ("pink", "brown", "orange"), "orange": ("brown", "yellow", "red"),
    "yellow": ("brown", "orange"), "brown": ("orange", "black", "yellow"),
    "pink": ("red", "purple"), "purple": ("pink", "blue"), "black": ("grey",),
    "white": ("grey",), "grey": ("black", "white"),
    "blue": ("grey", "purple"), "green": ("yellow",),
}  # fmt: skip
# Larger objects are measured on fewer pixels; borders, where colours mix, are left out.
_MAX_PIXELS = 20_000
_BORDER_SHARE = 0.04


def basic_colour(word: str) -> str | None:
    """Return the basic colour that a word stands for; None for other words."""
    last = word.casefold().rpartition("-")[2]
    return last if last in BASIC else _OTHER_NAMES.get(last)


def colour_shares(rgb: UInt8Array, mask: BoolArray) -> dict[str, float]:
    """Return the share of each basic colour among the pixels of a mask, largest first.

    ``rgb`` is (H, W, 3), ``mask`` (H, W). A mask without pixels has no colours.
    """
    rows, columns = np.nonzero(_inner(mask))
    if not len(rows):
        return {}
    step = max(1, len(rows) // _MAX_PIXELS)
    names = _names(_lab(rgb[rows[::step], columns[::step]]))
    counts = np.bincount(names, minlength=len(BASIC)) / len(names)
    order = np.argsort(-counts, kind="stable")
    return {BASIC[i]: round(float(counts[i]), 3) for i in order if counts[i] >= 0.005}


def has_colour(shares: Mapping[str, float], colour: str) -> bool:
    """Say whether an object with these shares has a basic colour.

    It does where the colour is the most frequent one or covers a quarter; in poor light also where
    its neighbours, such as brown and pink of red, cover most and the colour itself is among them.
    """
    share = shares.get(colour, 0.0)
    if share >= MIN_SHARE:
        return True
    near = sum(shares.get(each, 0.0) for each in _NEIGHBOURS[colour])
    return share >= MIN_SHARE / 3 and share + near / 2 >= 0.5


def colour_match(shares: Mapping[str, float], colours: list[str]) -> float:
    """Return how well an object fits colour words, 0 to 1: the worst of their shares."""
    basic = [name for name in map(basic_colour, colours) if name is not None]
    return min((shares.get(name, 0.0) for name in basic), default=1.0)


def _inner(mask: BoolArray) -> BoolArray:
    """Leave out the border of a mask, unless nothing else is left."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return mask
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    part = mask[window]
    width = min(7, int(_BORDER_SHARE * min(part.shape)))
    if width < 1:
        return mask
    padded = PillowImage.fromarray(np.pad(part, width).astype(np.uint8) * 255)
    shrunk = np.asarray(padded.filter(ImageFilter.MinFilter(2 * width + 1)))
    kept = shrunk[width:-width, width:-width] > 0
    if kept.sum() < 0.3 * part.sum():
        return mask
    made = np.zeros_like(mask)
    made[window] = kept
    return made


def _lab(rgb: UInt8Array) -> FloatArray:
    """(N, 3) CIELAB under D65 of (N, 3) sRGB."""
    values = rgb.astype(np.float32) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
    )
    relative = linear @ matrix.T / np.array([0.9505, 1.0, 1.089], np.float32)
    root = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    x, y, z = root.T
    made: FloatArray = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
    return made.astype(np.float32)


def _names(lab: FloatArray) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """(N,) positions in BASIC of (N, 3) CIELAB."""
    light, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    # In the dark less chroma is seen as colour.
    is_plain = chroma < np.clip(0.22 * light, 6, 14)
    red = np.where((light > 62) & (chroma < 60), "pink", "red")
    red = np.where((light < 45) & (chroma < 30), "brown", red)
    orange = np.where((light < 52) | (chroma < 28), "brown", "orange")
    yellow = np.where((light < 55) | (chroma < 22), "brown", "yellow")
    purple = np.where(light < 60, "purple", "pink")
    named = np.select(
        [
            light < 18,
            is_plain & (light > 82),
            is_plain & (light < 30),
            is_plain,
            (hue >= 340) | (hue < 45),
            hue < 75,
            hue < 108,
            hue < 195,
            hue < 300,
        ],
        ["black", "white", "black", "grey", red, orange, yellow, "green", "blue"],
        purple,
    )
    place = {name: index for index, name in enumerate(BASIC)}
    return np.array([place[name] for name in named.tolist()], np.int64)
