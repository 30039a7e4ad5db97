"""Names of colours, by pixels."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from edgeseg.entities.colours import BASIC, basic_colour, colour_shares, has_colour
from edgeseg.types import UInt8Array
from tests.unit.entities.scenes import COLOURS, Thing, paint

SIZES = {"ball": (130, 130), "cup": (110, 120)}

# What the XKCD colour survey calls these.
NAMED = {
    (0, 0, 0): "black", (255, 255, 255): "white", (128, 128, 128): "grey", (229, 0, 0): "red",
    (255, 0, 0): "red", (132, 0, 0): "red", (249, 115, 6): "orange", (255, 255, 20): "yellow",
    (255, 255, 126): "yellow", (21, 176, 26): "green", (3, 53, 0): "green",
    (3, 67, 223): "blue", (0, 0, 255): "blue", (1, 21, 62): "blue", (149, 208, 252): "blue",
    (126, 30, 156): "purple", (53, 6, 62): "purple", (191, 119, 246): "purple",
    (255, 129, 192): "pink", (203, 65, 107): "pink", (255, 2, 141): "pink", (101, 55, 0): "brown",
    (52, 28, 2): "brown", (173, 129, 80): "brown", (198, 81, 2): "orange",
}  # fmt: skip


@pytest.mark.parametrize(("rgb", "name"), NAMED.items())
def test_pixels_have_the_names_that_people_give_them(rgb: tuple[int, int, int], name: str) -> None:
    image = np.full((20, 20, 3), 255, np.uint8)
    image[5:15, 5:15] = rgb
    mask = np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    assert next(iter(colour_shares(image, mask))) == name


@cache
def _scene(kind: str, colour: str) -> UInt8Array:
    return paint([Thing(kind, colour, (320, 400), SIZES[kind])])


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("colour", BASIC)
@pytest.mark.parametrize("light", [1.0, 0.7])
def test_a_shaded_thing_has_its_colour_and_no_far_one(kind: str, colour: str, light: float) -> None:
    """Also in the dim; a colour is never taken for its opposite."""
    mask = np.abs(_scene(kind, "red").astype(int) - _scene(kind, "blue")).sum(axis=2) > 40
    shares = colour_shares((_scene(kind, colour) * light).astype(np.uint8), mask)
    assert has_colour(shares, colour), shares
    far = {"red": "green", "green": "red", "blue": "yellow", "yellow": "blue", "orange": "blue",
           "purple": "green", "pink": "green", "black": "white", "white": "red", "grey": "red",
           "brown": "blue"}  # fmt: skip
    assert not has_colour(shares, far[colour]), shares


def test_the_border_of_a_large_mask_does_not_count() -> None:
    image = np.full((60, 60, 3), 255, np.uint8)
    mask = np.zeros((60, 60), bool)
    mask[5:55, 5:55] = True
    image[mask] = COLOURS["green"]
    image[7:53, 7:53] = COLOURS["red"]
    assert colour_shares(image, mask) == {"red": 1.0}


def test_a_mask_without_pixels_has_no_colours() -> None:
    image = np.full((10, 10, 3), 200, np.uint8)
    assert colour_shares(image, np.zeros((10, 10), bool)) == {}
    assert not has_colour({}, "red")


def test_a_night_stays_black() -> None:
    """A dim image is made lighter, but not day."""
    image = np.full((10, 10, 3), 12, np.uint8)
    assert colour_shares(image, np.ones((10, 10), bool)) == {"black": 1.0}


def test_words_of_colours() -> None:
    words = {"Red": "red", "golden": "yellow", "navy": "blue", "light-blue": "blue", "gray": "grey"}
    assert {word: basic_colour(word) for word in words} == words
    assert basic_colour("striped") is None


@pytest.mark.parametrize(
    ("shares", "colour", "held"),
    [
        ({"red": 0.3, "white": 0.7}, "red", True),
        ({"red": 0.2, "white": 0.8}, "red", False),
        ({"red": 0.2, "white": 0.2, "blue": 0.2, "green": 0.2, "grey": 0.2}, "red", True),
        ({"brown": 0.85, "orange": 0.12}, "orange", True),
        ({"brown": 0.98, "red": 0.02}, "red", False),
    ],
)
def test_a_colour_holds_from_a_quarter_on(
    shares: dict[str, float], colour: str, held: bool
) -> None:
    assert has_colour(shares, colour) is held
