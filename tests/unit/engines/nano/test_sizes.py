"""The nano engines on images of every size and shape, with no phrase and with many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from edgeseg import EdgeSegAI
from edgeseg.codecs import rle_box
from edgeseg.engines.nano.detector import NanoDetector
from edgeseg.engines.nano.segmenter import NanoSegmenter
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.schemas import SegmentedObject
from edgeseg.types import Image, MaskPrompt

SHAPES = [
    (32, 32),
    (32, 256),
    (256, 32),
    (33, 47),
    (64, 512),
    (301, 77),
    (1000, 8000),
    (8000, 1000),
]
RATIOS = [(1, 8), (1, 5), (1, 3), (2, 3), (1, 1), (4, 3), (3, 1), (5, 1), (8, 1)]
Pasted = tuple[str, tuple[int, int, int, int]]
# Where each image is pasted: name, what it shows, x, y, width in pixels.
PASTED = [
    ("coffee", "cup", 800, 560, 150),
    ("chelsea", "cat", 2600, 340, 170),
    ("coffee", "cup", 3700, 250, 180),
    ("astronaut", "person", 4500, 700, 130),
]


@pytest.fixture(scope="module")
def detector() -> NanoDetector:
    return NanoDetector(threads=1)


@pytest.fixture(scope="module")
def segmenter() -> NanoSegmenter:
    return NanoSegmenter(threads=1)


def sample(folder: Path, name: str) -> PIL.Image.Image:
    with PIL.Image.open(folder / f"{name}.png") as opened:
        return opened.convert("RGB")


def landscape(folder: Path) -> tuple[Image, dict[tuple[int, int], Pasted]]:
    """A wide image of the moon with small photos in it; what each is and its box by its place."""
    canvas = sample(folder, "moon").resize((5600, 1400))
    places: dict[tuple[int, int], Pasted] = {}
    for name, thing, x, y, width in PASTED:
        pasted = sample(folder, name)
        height = pasted.height * width // pasted.width
        canvas.paste(pasted.resize((width, height), PIL.Image.Resampling.LANCZOS), (x, y))
        places[x, y] = thing, (x, y, x + width, y + height)
    return Image.from_array(np.asarray(canvas)), places


def within(each: SegmentedObject, box: tuple[int, ...], slack: float = 20) -> bool:
    x0, y0, x1, y1 = each.box
    low = x0 > box[0] - slack and y0 > box[1] - slack
    return low and x1 < box[2] + slack and y1 < box[3] + slack


@pytest.mark.parametrize("size_hw", SHAPES, ids=str)
def test_every_size_gives_boxes_and_masks_in_its_frame(
    size_hw: tuple[int, int], photo_folder: Path, detector: NanoDetector, segmenter: NanoSegmenter
) -> None:
    height, width = size_hw
    image = Image.from_array(np.asarray(sample(photo_folder, "chelsea").resize((width, height))))
    found = detector.detect(image, ["cat", "dog"], box_threshold=0.05, text_threshold=0.0)
    assert np.isfinite(found.boxes_xyxy).all()
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy <= [width, height, width, height]).all()
    box = (width * 0.25, height * 0.25, width * 0.75, height * 0.75)
    point = np.array([[width / 2, height / 2]], np.float32)
    prompts = [MaskPrompt(box_xyxy=box), MaskPrompt(None, point, np.array([1], np.int64))]
    made = segmenter.segment(segmenter.embed(image), prompts)
    assert made.masks.shape == (2, *size_hw)
    assert np.isfinite(made.scores).all()
    assert made.masks[0].any()


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
def test_a_cat_is_found_in_every_shape_of_image(
    ratio: tuple[int, int], photo_folder: Path, detector: NanoDetector
) -> None:
    """The photo as it is, with as much grey beside it as makes the image so narrow or wide."""
    photo = sample(photo_folder, "chelsea")
    width = max(photo.width, photo.height * ratio[0] // ratio[1])
    height = max(photo.height, photo.width * ratio[1] // ratio[0])
    canvas = PIL.Image.new("RGB", (width, height), (114, 114, 114))
    x, y = (width - photo.width) // 2, (height - photo.height) // 2
    canvas.paste(photo, (x, y))
    image = Image.from_array(np.asarray(canvas))
    found = detector.detect(image, ["cat"], box_threshold=0.2, text_threshold=0.0)
    assert len(found), f"nothing in {width}x{height}"
    x0, y0, x1, y1 = found.boxes_xyxy[0]
    centre = (x0 + x1) / 2 - x, (y0 + y1) / 2 - y
    assert 0 < centre[0] < photo.width
    assert 0 < centre[1] < photo.height


def test_no_phrase_finds_nothing(photo_folder: Path, detector: NanoDetector) -> None:
    image = Image.from_array(np.asarray(sample(photo_folder, "chelsea")))
    assert not len(detector.detect(image, [], box_threshold=0.0, text_threshold=0.0))


def test_200_phrases_do_not_change_what_one_finds(
    photo_folder: Path, detector: NanoDetector
) -> None:
    image = Image.from_array(np.asarray(sample(photo_folder, "chelsea")))
    words = [word for word in WordVectors.shipped().words if word != "cat"][::150][:199]
    assert len(words) == 199
    many = detector.detect(image, [*words, "cat"], box_threshold=0.2, text_threshold=0.0)
    alone = detector.detect(image, ["cat"], box_threshold=0.2, text_threshold=0.0)
    cats = many.take([row for row, label in enumerate(many.labels) if label == "cat"])
    assert len(alone)
    np.testing.assert_allclose(cats.boxes_xyxy, alone.boxes_xyxy, atol=0.01)


def test_200_phrases_go_through_the_whole_pipeline(photo_folder: Path) -> None:
    words = WordVectors.shipped().words[100:299]
    prompt = " . ".join(["cat", *(word[:16] for word in words)])
    result = EdgeSegAI().segment_image(
        image=sample(photo_folder, "chelsea"), prompt=prompt, simplify="never"
    )
    assert len(result.result.phrases) >= 190
    assert {each.label for each in result.objects} <= set(result.result.phrases)


def found_with_tiles_and_without(photo_folder: Path) -> dict[str, list[tuple[int, int]]]:
    """Places of the landscape where the right thing is found, by how tiles are used."""
    image, places = landscape(photo_folder)
    found: dict[str, list[tuple[int, int]]] = {}
    with EdgeSegAI(ttl=-1) as ai:
        for mode in ("never", "always"):
            result = ai.segment_image(image=image, prompt="cup . cat . person .", tile=mode)
            found[mode] = [
                place
                for place, (thing, box) in places.items()
                if any(each.label == thing and within(each, box) for each in result.objects)
            ]
    return found


def test_small_things_in_a_large_image_are_found_with_tiles(photo_folder: Path) -> None:
    found = found_with_tiles_and_without(photo_folder)
    assert len(found["always"]) >= 2
    assert len(found["never"]) < len(found["always"])


def test_most_small_things_in_a_large_image_are_found_with_tiles(photo_folder: Path) -> None:
    assert len(found_with_tiles_and_without(photo_folder)["always"]) >= 3


@pytest.mark.parametrize("x", [300, 384, 440, 512])
def test_a_cat_across_a_seam_is_one_cat_with_one_mask(x: int, photo_folder: Path) -> None:
    canvas = sample(photo_folder, "moon").resize((1500, 600))
    cat = sample(photo_folder, "chelsea")
    canvas.paste(cat, (x, 150))
    image = Image.from_array(np.asarray(canvas))
    result = EdgeSegAI().segment_image(image=image, prompt="cat", simplify="never", tile="always")
    box = (x, 150, x + cat.width, 150 + cat.height)
    cats = [each for each in result.objects if within(each, box, slack=60)]
    assert len(cats) == 1
    outline = rle_box(cats[0].mask)
    assert outline is not None
    # From its ears to its cheeks, on both sides of the seam.
    assert outline[0] < x + 120
    assert outline[2] > x + 300
