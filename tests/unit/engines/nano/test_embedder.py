"""Vectors of objects: alike for one object in changed images, apart for others of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageEnhance, ImageOps

from edgeseg.codecs import load_image
from edgeseg.engines.nano.embedder import NanoEmbedder
from edgeseg.types import BoolArray, FloatArray, UInt8Array

THRESHOLD = 0.5
"""The default `pairing_threshold`."""
BOXES = {
    "chelsea": (20, 5, 430, 295),
    "coffee": (165, 20, 415, 305),
    "astronaut": (130, 20, 310, 500),
}
"""Where the thing of each photo is, xyxy."""


@pytest.fixture(scope="module")
def embedder() -> Iterator[NanoEmbedder]:
    made = NanoEmbedder(threads=1)
    yield made
    made.close()


def ellipse(size_hw: tuple[int, int], box: tuple[int, int, int, int]) -> BoolArray:
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]]
    x0, y0, x1, y1 = box
    across, down = (2 * columns - x0 - x1) / (x1 - x0), (2 * rows - y0 - y1) / (y1 - y0)
    inside: BoolArray = across**2 + down**2 <= 1
    return inside


def embed(embedder: NanoEmbedder, pixels: UInt8Array, *masks: BoolArray) -> FloatArray:
    return embedder.embed_objects(load_image(pixels), np.stack(masks))


@pytest.mark.parametrize("name", BOXES)
def test_an_object_is_known_again(embedder: NanoEmbedder, photo_folder: Path, name: str) -> None:
    """Mirrored, darker, smaller; and it is none of the other things."""
    photos = {each: PillowImage.open(photo_folder / f"{each}.png").convert("RGB") for each in BOXES}
    own = {
        each: embed(embedder, np.asarray(photo), ellipse(photo.size[::-1], BOXES[each]))[0]
        for each, photo in photos.items()
    }
    photo = photos[name]
    mask = PillowImage.fromarray(ellipse(photo.size[::-1], BOXES[name]))
    size = (photo.width * 2 // 3, photo.height * 2 // 3)
    changed = ImageEnhance.Brightness(ImageOps.mirror(photo).resize(size)).enhance(0.75)
    turned = np.asarray(ImageOps.mirror(mask).resize(size)) > 0
    cosines = {
        each: float(embed(embedder, np.asarray(changed), turned)[0] @ vector)
        for each, vector in own.items()
    }
    assert cosines[name] > THRESHOLD
    assert all(cosine < THRESHOLD for each, cosine in cosines.items() if each != name)


def test_vectors_have_length_one_and_do_not_depend_on_each_other(
    embedder: NanoEmbedder, chelsea: Path
) -> None:
    pixels = np.asarray(PillowImage.open(chelsea).convert("RGB"))
    masks = [ellipse(pixels.shape[:2], box) for box in ((20, 5, 430, 295), (100, 80, 160, 120))]
    both = embed(embedder, pixels, *masks)
    assert both.dtype == np.float32
    assert np.linalg.norm(both, axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert embed(embedder, pixels, masks[1])[0] == pytest.approx(both[1], abs=1e-5)


def test_odd_masks(embedder: NanoEmbedder) -> None:
    """None, an empty one, one pixel, all pixels, a line."""
    pixels = np.full((40, 60, 3), 90, np.uint8)
    assert embedder.embed_objects(load_image(pixels), np.zeros((0, 40, 60), bool)).shape[0] == 0
    masks = np.zeros((4, 40, 60), bool)
    masks[1, 7, 9] = True
    masks[2] = True
    masks[3, 20] = True
    vectors = embedder.embed_objects(load_image(pixels), masks)
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_a_closed_embedder_says_so() -> None:
    made = NanoEmbedder(threads=1)
    made.close()
    with pytest.raises(RuntimeError, match="close"):
        made.embed_objects(load_image(np.zeros((4, 4, 3), np.uint8)), np.ones((1, 4, 4), bool))
