"""Light and dark: the shades of the XKCD colour survey have their own names and no others."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseg.entities.shades import fits_colour
from edgeseg.types import UInt8Array

SHADES = {
    "light red": "ff474c", "dark red": "840000", "light orange": "fdaa48",
    "dark orange": "c65102", "light yellow": "fffe7a", "dark yellow": "d5b60a",
    "light green": "96f97b", "dark green": "033500", "light blue": "95d0fc", "dark blue": "00035b",
    "light purple": "bf77f6", "dark purple": "35063e", "light pink": "ffd1df",
    "dark pink": "cb416b", "light brown": "ad8150", "dark brown": "341c02",
    "light grey": "d8dcd6", "dark grey": "363737",
}  # fmt: skip
MASK = np.ones((20, 20), np.bool_)


def painted(code: str) -> UInt8Array:
    rgb = np.empty((20, 20, 3), np.uint8)
    rgb[:] = list(bytes.fromhex(code))
    return rgb


@pytest.mark.parametrize("shade", SHADES)
def test_a_shade_has_its_own_name_alone(shade: str) -> None:
    named = [each for each in SHADES if fits_colour(painted(SHADES[shade]), MASK, each, 1.0)]
    assert named == [shade]


@pytest.mark.parametrize(("code", "shade"), [("000000", "dark grey"), ("ffffff", "light grey"),
                                             ("000000", "dark blue")])  # fmt: skip
def test_black_and_white_are_no_shades(code: str, shade: str) -> None:
    assert not fits_colour(painted(code), MASK, shade, 1.0)


def test_a_word_without_a_shade_takes_both() -> None:
    for shade in ("light blue", "dark red", "light brown"):
        assert fits_colour(painted(SHADES[shade]), MASK, shade.split()[1], 1.0)


def test_shadow_on_part_of_an_object_changes_no_shade() -> None:
    rgb = painted(SHADES["light blue"])
    rgb[:, 14:] = list(bytes.fromhex(SHADES["dark blue"]))
    assert fits_colour(rgb, MASK, "light blue", 1.0)
    assert not fits_colour(rgb, MASK, "dark blue", 1.0)


def test_a_mask_without_pixels_has_no_colour() -> None:
    assert not fits_colour(painted("ff0000"), np.zeros((20, 20), np.bool_), "dark red", 1.0)
