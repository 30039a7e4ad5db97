"""The eleven basic colours, measured by the pixels under a mask.

Each pixel gets the name that people give its place in CIELAB. The eleven names are those of Berlin
and Kay, "Basic Color Terms", 1969. Lightness L, chroma C and hue h in degrees decide:

    little C              black, grey or white, by L
    h 340..45             red; pink where light, and down to L 40 where h leaves red for purple
    h  45..75             orange where vivid and not dark, else brown
    h  75..104 or more    yellow where light and vivid, else brown; where very light up to h 116
    h 104..188            green
    h 188..308            blue
    h 308..340            purple; pink where light and near red

Of the 445 names of the XKCD colour survey that end in one basic colour, such as "dusty pink" or
"navy blue", these borders, which were set by them, give 95 % that colour.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFilter

from edgeseg.types import BoolArray, FloatArray, IntArray, UInt8Array

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
# Brightness, 0 to 255, that the lightest 2 % of an image should reach, and the limit of its gain.
_LIGHT = 225.0
_MAX_GAIN = 1.6


def basic_colour(word: str) -> str | None:
    """Return the basic colour that a word stands for; None for other words."""
    last = word.casefold().rpartition("-")[2]
    return last if last in BASIC else _OTHER_NAMES.get(last)


def colour_shares(rgb: UInt8Array, mask: BoolArray, gain: float | None = None) -> dict[str, float]:
    """Return the share of each basic colour among the pixels of a mask, largest first.

    ``rgb`` is (H, W, 3), ``mask`` (H, W), ``gain`` the image's `exposure_gain`, if it is known. A
    mask without pixels has no colours.
    """
    rows, columns = np.nonzero(_inner(mask))
    if not len(rows):
        return {}
    step = max(1, len(rows) // _MAX_PIXELS)
    gain = exposure_gain(rgb) if gain is None else gain
    pixels = rgb[rows[::step], columns[::step]] * gain
    names = name_pixels(to_lab(pixels))
    counts = np.bincount(names, minlength=len(BASIC)) / len(names)
    order = np.argsort(-counts, kind="stable")
    return {BASIC[i]: round(float(counts[i]), 3) for i in order if counts[i] >= 0.005}


def exposure_gain(rgb: UInt8Array) -> float:
    """Return what an (H, W, 3) image is multiplied by, so that its lightest part is light.

    White in a dim image is else grey, and yellow brown. Limited, so that night stays dark.
    """
    step = max(1, int((rgb.shape[0] * rgb.shape[1] / _MAX_PIXELS) ** 0.5))
    brightest = float(np.percentile(rgb[::step, ::step].max(axis=2), 98))
    return min(_MAX_GAIN, max(1.0, _LIGHT / max(1.0, brightest)))


def has_colour(shares: Mapping[str, float], colour: str) -> bool:
    """Say whether an object with these shares has a basic colour.

    It does where the colour is the most frequent one or covers a quarter; in poor light also where
    its neighbours, such as brown and pink of red, cover most and the colour itself is among them.
    """
    share = shares.get(colour, 0.0)
    if share >= MIN_SHARE or (share and share == max(shares.values())):
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


def to_lab(rgb: UInt8Array | FloatArray) -> FloatArray:
    """(N, 3) CIELAB under D65 of (N, 3) sRGB, 0 to 255."""
    values = rgb.astype(np.float32).clip(0, 255) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
    )
    relative = linear @ matrix.T / np.array([0.9505, 1.0, 1.089], np.float32)
    root = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    x, y, z = root.T
    lab: FloatArray = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
    return lab.astype(np.float32)


def name_pixels(lab: FloatArray) -> IntArray:
    """(N,) positions in BASIC of (N, 3) CIELAB."""
    light, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    # The eye sees colour at less chroma in the dark; below L 8 a camera sees noise.
    is_plain = chroma < np.clip(0.22 * light, 6, 14)
    is_black = ((light < 18) & (chroma < 20)) | ((light < 8) & (chroma < 28))
    # Shadows of pink stay on the purple side of red.
    is_pink = (light > 62) & (chroma < 75) | (light > 55) & (chroma < 50) & (hue < 25)
    is_pink |= (light > 40) & (chroma > 20) & ((hue < 12) | (hue >= 340))
    is_maroon = (light < 45) & (chroma < 30)
    is_orange = (light >= 45) & (chroma >= 50) | (light > 68) & (chroma > 38)
    is_yellow = (light >= 62) & (chroma >= 45) | (light > 80) & (chroma >= 18)
    named = (
        (is_black, "black"),
        (is_plain & (light > 80), "white"),
        (is_plain & (light < 24), "black"),
        (is_plain, "grey"),
        (((hue >= 340) | (hue < 45)) & is_pink, "pink"),
        ((hue < 45) & (hue > 20) & is_maroon, "brown"),
        ((hue >= 340) | (hue < 45), "red"),
        ((hue < 75) & is_orange, "orange"),
        (hue < 75, "brown"),
        ((hue < np.where(light > 88, 116, 104)) & is_yellow, "yellow"),
        (hue < 104, "brown"),
        (hue < 188, "green"),
        (hue < 308, "blue"),
        ((hue > 325) & (light > 58), "pink"),
    )
    places = [BASIC.index(name) for _, name in named]
    names: IntArray = np.select([where for where, _ in named], places, BASIC.index("purple"))
    return names
