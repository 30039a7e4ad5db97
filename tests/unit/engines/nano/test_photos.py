"""The nano engines on real photos: the obvious is found, outlined, and improved by a click."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from edgeseg import EdgeSegAI
from edgeseg.engines.nano.detector import NanoDetector
from edgeseg.engines.nano.segmenter import NanoSegmenter
from edgeseg.types import BoolArray, Image, MaskPrompt

# Outlines drawn by eye, in pixels (x, y) of scikit-image's photos.
CAT = [(35, 0), (390, 0), (372, 45), (352, 60), (362, 110), (365, 160), (350, 200), (320, 250),
       (290, 290), (250, 299), (0, 299), (0, 110), (40, 80), (30, 40)]  # fmt: skip
PERSON = [(155, 80), (170, 30), (225, 15), (280, 35), (300, 80), (292, 130), (275, 190), (305, 250),
          (350, 290), (362, 350), (300, 385), (278, 450), (285, 511), (30, 511), (25, 400),
          (45, 290), (110, 225), (120, 175), (180, 150)]  # fmt: skip
CUP = [(172, 90), (200, 40), (285, 18), (370, 35), (408, 95), (400, 170), (375, 230), (320, 255),
       (255, 250), (230, 305), (200, 300), (200, 250), (178, 180)]  # fmt: skip


def outline(points: list[tuple[int, int]], image: Image) -> BoolArray:
    """(H, W) bool mask of a polygon."""
    height, width = image.size_hw
    canvas = PIL.Image.new("1", (width, height))
    PIL.ImageDraw.Draw(canvas).polygon(points, fill=1)
    return np.asarray(canvas, bool)


def iou(left: BoolArray, right: BoolArray) -> float:
    """Intersection over union."""
    return float((left & right).sum() / (left | right).sum())


def photo(folder: Path, name: str) -> Image:
    """One of scikit-image's photos."""
    with PIL.Image.open(folder / f"{name}.png") as pil_image:
        return Image.from_array(np.array(pil_image.convert("RGB")))


@pytest.mark.parametrize(
    ("name", "prompt", "points", "least"),
    [
        ("chelsea", "the cat", CAT, 0.85),
        ("chelsea", "kitten", CAT, 0.85),
        ("astronaut", "person", PERSON, 0.85),
        ("astronaut", "leftmost person", PERSON, 0.85),
        ("coffee", "cup", CUP, 0.85),
        ("coffee", "What could I drink coffee from?", CUP, 0.85),
    ],
)
def test_words_find_the_obvious(
    photo_folder: Path, name: str, prompt: str, points: list[tuple[int, int]], least: float
) -> None:
    """At the default thresholds one object is found, and it is the thing that was asked for."""
    image = photo(photo_folder, name)
    result = EdgeSegAI().segment_image(image=image, prompt=prompt)
    assert len(result.objects) == 1
    assert iou(result.segmentation_mask, outline(points, image)) > least


@pytest.mark.parametrize(
    ("name", "absent"),
    [("chelsea", "bus"), ("chelsea", "pizza"), ("coffee", "dog"), ("astronaut", "bicycle")],
)
def test_what_is_not_there_is_not_found(photo_folder: Path, name: str, absent: str) -> None:
    """An absent thing is an empty answer."""
    image = photo(photo_folder, name)
    assert not EdgeSegAI().segment_image(image=image, prompt=absent).objects


def test_boxes_do_not_depend_on_what_else_is_asked(photo_folder: Path) -> None:
    """A phrase alone and among others gets the same boxes and scores."""
    image, engine = photo(photo_folder, "chelsea"), NanoDetector(threads=1)
    both = {"box_threshold": 0.1, "text_threshold": 0.0}
    alone = engine.detect(image, ["cat"], **both)
    among = engine.detect(image, ["bus", "cat", "saxophone"], **both)
    rows = [i for i, label in enumerate(among.labels) if label == "cat"]
    np.testing.assert_allclose(among.take(rows).boxes_xyxy, alone.boxes_xyxy, atol=1e-3)
    engine.close()


def test_a_phrase_of_unknown_words_finds_nothing(photo_folder: Path) -> None:
    """No vector, no score, no crash."""
    engine = NanoDetector(threads=1)
    found = engine.detect(
        photo(photo_folder, "chelsea"), ["xqzwv"], box_threshold=0.0, text_threshold=0.0
    )
    assert len(found) == 0
    engine.close()


def test_clicks_make_a_mask_and_correct_it(photo_folder: Path) -> None:
    """A click on the cup selects about the cup; clicks where it is wrong make it better."""
    image, engine = photo(photo_folder, "coffee"), NanoSegmenter(threads=1)
    embedding, wanted = engine.embed(image), outline(CUP, image)
    points, labels = [(290.0, 60.0)], [1]
    previous: BoolArray | None = None
    history = []
    for _ in range(5):
        prompt = MaskPrompt(
            points_xy=np.array(points, np.float32),
            point_labels=np.array(labels, np.int64),
            previous=previous,
        )
        previous = engine.segment(embedding, [prompt]).masks[0]
        history.append(iou(previous, wanted))
        wrong = np.argwhere(previous != wanted)
        y, x = wrong[len(wrong) // 2]
        points.append((float(x) + 0.5, float(y) + 0.5))
        labels.append(int(wanted[y, x]))
    assert max(history[1:]) > history[0]
    assert max(history) > 0.6
    engine.close()


def test_a_box_and_its_mask_share_the_photos_frame(photo_folder: Path) -> None:
    """Twice the photo, twice the box: the same mask, twice as large."""
    small, engine = photo(photo_folder, "coffee"), NanoSegmenter(threads=1)
    big = Image.from_array(small.rgb.repeat(2, axis=0).repeat(2, axis=1))
    box = (172.0, 18.0, 408.0, 255.0)
    one = engine.segment(engine.embed(small), [MaskPrompt(box_xyxy=box)]).masks[0]
    twice = (box[0] * 2, box[1] * 2, box[2] * 2, box[3] * 2)
    two = engine.segment(engine.embed(big), [MaskPrompt(box_xyxy=twice)]).masks[0]
    assert iou(two[::2, ::2], one) > 0.95
    engine.close()
