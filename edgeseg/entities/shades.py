"""Colour words with "light" and "dark", measured by the pixels of a mask.

The basic colour is that of `edgeseg.entities.colours`; of the pixels that have it, the median
CIELAB lightness L decides between light and dark. The border of each colour is the mean L of its
"light" and its "dark" name in the XKCD colour survey (https://xkcd.com/color/rgb, public domain):

    colour   light, dark    L      border
    red      ff474c 840000  60 27  43
    blue     95d0fc 00035b  81  8  44
    yellow   fffe7a d5b60a  97 74  86

Black and white have no border: "light black" and "dark white" are grey.
"""

from __future__ import annotations

import numpy as np

from edgeseg.entities.colours import BASIC, colour_shares, has_colour, name_pixels, to_lab
from edgeseg.types import BoolArray, UInt8Array

_BORDER_L = {
    "grey": 55, "red": 43, "orange": 63, "yellow": 86, "green": 54, "blue": 44, "purple": 38,
    "pink": 69, "brown": 35,
}  # fmt: skip
# What a shade may be called instead: light red is often named pink, navy black.
_ALIASES = {
    "light red": ("pink",), "light orange": ("brown", "yellow"), "light brown": ("orange",),
    "light purple": ("pink",), "light blue": ("grey", "white"), "light yellow": ("white",),
    "light green": ("yellow",), "light pink": ("white",), "light grey": ("white",),
    "dark red": ("brown",), "dark orange": ("brown", "red"), "dark yellow": ("brown",),
    "dark green": ("black",), "dark blue": ("black",), "dark purple": ("black",),
    "dark pink": ("red", "purple"), "dark brown": ("black",), "dark grey": ("black",),
    "light black": ("grey",), "dark white": ("grey",),
}  # fmt: skip
# Pixels of other names that a shade may take for its own, relative to those of its own name.
_ALIAS_WEIGHT = 0.5
# Share of its own name, at least.
_MIN_OWN = 0.1
# Greys end where people say black and white.
_GREYS = ("grey", "black", "white")
_BLACK_L, _WHITE_L = 12, 93
_MAX_PIXELS = 20_000


def fits_colour(rgb: UInt8Array, mask: BoolArray, words: str, gain: float) -> bool:
    """Say whether the pixels of an (H, W) mask in an (H, W, 3) image have a colour.

    ``words`` is a basic colour, with "light " or "dark " before it or without; ``gain`` is the
    image's `exposure_gain`. A mask without pixels has no colour.

    >>> navy = np.full((9, 9, 3), (10, 20, 90), np.uint8)
    >>> [fits_colour(navy, np.ones((9, 9), bool), each, 1.0) for each in ("blue", "light blue")]
    [True, False]
    """
    shares = colour_shares(rgb, mask, gain)
    shade, _, colour = words.rpartition(" ")
    if not shade:
        return has_colour(shares, colour)
    aliases = _ALIASES[words]
    near = sum(shares.get(each, 0.0) for each in aliases)
    own = {**shares, colour: shares.get(colour, 0.0) + _ALIAS_WEIGHT * near}
    # Black alone is no dark blue; but light grey is named white, and dark grey black.
    is_named = colour in _GREYS or shares.get(colour, 0.0) >= _MIN_OWN
    if not is_named or not has_colour(own, colour):
        return False
    light = _lightness(rgb, mask, (colour, *aliases), gain)
    if colour in _GREYS and not _BLACK_L < light < _WHITE_L:
        return False
    border = _BORDER_L.get(colour)
    return border is None or (light > border if shade == "light" else light < border)


def _lightness(rgb: UInt8Array, mask: BoolArray, names: tuple[str, ...], gain: float) -> float:
    """Return the median L, 0 to 100, of the pixels with one of these names."""
    pixels = rgb[mask]
    lab = to_lab(pixels[:: max(1, len(pixels) // _MAX_PIXELS)] * np.float32(gain))
    named = np.isin(name_pixels(lab), [BASIC.index(each) for each in names])
    return float(np.median(lab[named, 0])) if named.any() else 0.0
