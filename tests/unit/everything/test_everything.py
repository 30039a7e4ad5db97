"""Everything mode: the grid, crops, quality and repeats, with a segmenter whose masks are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseg import stages
from edgeseg.codecs import load_image
from edgeseg.engines.base import MaskQuality
from edgeseg.engines.fake import FakeSegmenter
from edgeseg.engines.nano.segmenter import NanoSegmenter
from edgeseg.everything import crops, grid_points
from edgeseg.everything.quality import cell_boxes, cut_off, stability
from edgeseg.schemas import MasksRequest, SegmentedObject
from edgeseg.types import BoolArray, Candidates, Embedding, Image, MaskCount, MaskPrompt

# Squares of 40 pixels at these places (x, y), on an image of 200x100.
SQUARES = ((10, 10), (110, 30), (150, 50))
SIDE = 40


class Squares(FakeSegmenter):
    """Knows the squares of an image by their colour; gives ``masks`` per click, as SAM or nano."""

    mask_quality = MaskQuality(predicted_iou=0.5, stability=0.5)

    def __init__(self, masks: int = 3, soft: float = 8.0) -> None:
        super().__init__()
        self.masks, self.soft = masks, soft
        self.asked: list[tuple[float, float, bool]] = []

    def embed(self, image: Image) -> Embedding:
        """Keep the colours."""
        return Embedding(self.name, image.size_hw, (image.rgb[..., 0].copy(),))

    def candidates(
        self,
        embedding: Embedding,
        prompts: Sequence[MaskPrompt],
        count: MaskCount = 3,
        *,
        quick: bool = False,
    ) -> Candidates:
        """The part of the clicked colour, and two poor masks after it."""
        colours = embedding.arrays[0]
        height, width = colours.shape
        made = np.full((len(prompts), self.masks, height, width), -self.soft, np.float32)
        for row, prompt in enumerate(prompts):
            x, y = prompt.points_xy[0]
            self.asked.append((float(x), float(y), quick))
            colour = colours[int(y), int(x)]
            made[row, 0][colours == colour] = self.soft
            # Nothing was there: all of it, which is no object.
        scores = np.tile([0.9, 0.3, 0.2][: self.masks], (len(prompts), 1)).astype(np.float32)
        window = np.array([0, 0, width, height], np.float32)
        return Candidates(made, np.tile(window, (len(prompts), 1)), scores)


@pytest.fixture
def squares() -> Image:
    rgb = np.zeros((100, 200, 3), np.uint8)
    for number, (x, y) in enumerate(SQUARES, 1):
        rgb[y : y + SIDE, x : x + SIDE] = 50 * number
    return Image.from_array(rgb)


def boxes_of(objects: Sequence[SegmentedObject]) -> set[tuple[float, ...]]:
    return {each.box for each in objects}


# The third square covers a part of the second, and nothing is black and large.
EXPECTED = {(10, 10, 50, 50), (110, 30, 150, 70), (150, 50, 190, 90)}


@pytest.mark.parametrize("masks", [1, 3])
def test_everything_is_found_once(squares: Image, masks: int) -> None:
    engine = Squares(masks)
    found = stages.segment_everything(engine, squares, MasksRequest(points_per_side=8))
    assert boxes_of(found) >= EXPECTED
    rest = [each for each in found if each.box not in EXPECTED]
    assert [each.box for each in rest] == [(0, 0, 200, 100)], "and the ground, once"
    assert {each.label for each in found} == {"object"}
    assert [each.id for each in found] == [0, 1, 2, 3]
    assert [each.score for each in found] == pytest.approx([0.9] * 4)
    square = next(each for each in found if each.box == (10, 10, 50, 50))
    assert square.area == SIDE * SIDE


def test_one_mask_per_click_is_asked_quickly_and_not_where_something_is_found(
    squares: Image,
) -> None:
    engine = Squares(1)
    stages.segment_everything(engine, squares, MasksRequest(points_per_side=16))
    quick = [each for each in engine.asked if each[2]]
    full = [each for each in engine.asked if not each[2]]
    # The first batch has clicked on the ground; later ones click on what is not found yet.
    later = {squares.rgb[int(y), int(x), 0] for x, y, _ in quick[32:]}
    assert 0 not in later
    assert len(quick) < 64
    assert len(full) == 4
    several = Squares(3)
    stages.segment_everything(several, squares, MasksRequest(points_per_side=16))
    assert len(several.asked) == 256, "a click may mean a part of what is found"


def test_clicks_are_counted(squares: Image) -> None:
    seen: list[tuple[int, int]] = []
    request = MasksRequest(points_per_side=16, crop_layers=1)
    for engine in (Squares(1), Squares(3)):
        seen.clear()
        stages.segment_everything(
            engine, squares, request, clicks_done=lambda *each: seen.append(each)
        )
        assert seen[-1] == (256 + 4 * 64, 256 + 4 * 64)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)


class Paused(BaseException):
    """Raised between clicks."""


@pytest.mark.parametrize("options", [{}, {"crop_layers": 1, "min_area": 30}])
@pytest.mark.parametrize("name", ["one mask", "three masks", "nano"])
def test_clicks_go_on_where_they_were(
    name: str, options: dict[str, int], squares: Image, photo_folder: Path
) -> None:
    """Stopped between any two batches, the same masks come out, and no click is made twice."""
    engine: Any = NanoSegmenter(1) if name == "nano" else Squares(3 if "three" in name else 1)
    image = load_image(photo_folder / "coffee.png") if name == "nano" else squares
    side = {"one mask": 32, "three masks": 12, "nano": 10}[name]
    request = MasksRequest.model_validate({"points_per_side": side, **options})
    whole = stages.segment_everything(engine, image, request)
    clicks = len(getattr(engine, "asked", ()))
    kept, ways = "[]", 0

    def give_way(seen: Callable[[], Sequence[dict[str, Any]]]) -> None:
        nonlocal kept
        kept = json.dumps(seen())
        raise Paused

    while True:
        try:
            found = stages.segment_everything(
                engine, image, request, give_way=give_way, seen=json.loads(kept)
            )
        except Paused:
            ways += 1
        else:
            break
    assert ways >= (1 if name == "one mask" else 2)
    assert found == whole
    assert len(getattr(engine, "asked", ())) == 2 * clicks
    assert len(kept) < 300_000


def test_no_clicks_find_nothing(squares: Image) -> None:
    engine = Squares()
    assert stages.segment_everything(engine, squares, MasksRequest(points_per_side=0)) == []
    assert engine.asked == []


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 4),
        ({"predicted_iou_threshold": 0.95}, 0),
        ({"predicted_iou_threshold": 0.9}, 4),
        ({"predicted_iou_threshold": 0.1}, 4),
        ({"stability_offset": 9.0}, 0),
        ({"stability_offset": 9.0, "stability_threshold": 0.0}, 4),
        ({"max_objects": 2}, 2),
    ],
)
def test_thresholds_choose(squares: Image, options: dict[str, float], count: int) -> None:
    request = MasksRequest.model_validate({"points_per_side": 8, **options})
    assert len(stages.segment_everything(Squares(3), squares, request)) == count


def test_a_lower_nms_threshold_keeps_fewer() -> None:
    rgb = np.zeros((100, 200, 3), np.uint8)
    rgb[10:90, 10:90] = 50
    rgb[20:80, 20:80] = 100
    image = Image.from_array(rgb)

    def count(nms_threshold: float) -> int:
        request = MasksRequest(points_per_side=16, nms_threshold=nms_threshold)
        return len(stages.segment_everything(Squares(3), image, request))

    # The inner box covers 60 * 60 of 80 * 80 pixels: 0.56.
    assert (count(0.6), count(0.5)) == (3, 2)


def test_crops_find_what_the_grid_misses_and_cut_nothing_off() -> None:
    rgb = np.zeros((200, 200, 3), np.uint8)
    rgb[25:29, 25:29] = 50
    # Across the middle, where no crop but the whole shows it all.
    rgb[20:180, 92:108] = 100
    image = Image.from_array(rgb)
    tiny, bar = (25, 25, 29, 29), (92, 20, 108, 180)

    def found(layers: int) -> set[tuple[float, ...]]:
        request = MasksRequest(points_per_side=16, crop_layers=layers)
        return boxes_of(stages.segment_everything(Squares(3), image, request))

    assert tiny not in found(0)
    closer = found(1)
    assert tiny in closer
    assert {box for box in closer if box[0] >= 90 and box[2] <= 110} == {bar}


def test_small_islands_and_holes_go() -> None:
    rgb = np.zeros((100, 100, 3), np.uint8)
    rgb[10:60, 10:60] = 50
    rgb[20:23, 20:23] = 0
    rgb[80:84, 80:84] = 50
    image = Image.from_array(rgb)

    def areas(min_area: int) -> set[int]:
        request = MasksRequest(points_per_side=8, min_area=min_area)
        return {each.area for each in stages.segment_everything(Squares(3), image, request)}

    assert 2500 - 9 + 16 in areas(0)
    assert 2500 - 9 + 16 in areas(9)
    assert 2500 + 16 in areas(10)
    assert 2500 in areas(17)


def test_the_grid_covers_the_image_from_coarse_to_fine() -> None:
    points = grid_points(16)
    assert len(np.unique(points, axis=0)) == 256
    assert np.unique(points[:, 0]).tolist() == pytest.approx((np.arange(16) + 0.5) / 16)
    for count, step in ((4, 8), (16, 4), (64, 2)):
        cells = np.unique(np.floor(points[:count] * 16), axis=0)
        assert len(cells) == count
        assert (cells % step == 0).all()
    assert grid_points(0).shape == (0, 2)


def test_crops_of_a_layer_overlap_and_cover_the_image() -> None:
    for size_hw in ((100, 333), (7, 7), (2000, 1000)):
        for layer in (1, 2):
            tiles = [each for each in crops(size_hw, 2) if each.level == layer]
            seen = np.zeros(size_hw, int)
            for each in tiles:
                seen[each.y0 : each.y1, each.x0 : each.x1] += 1
            assert seen.min() >= 1
            assert seen.max() >= 4
            assert len(tiles) == 4**layer


def test_stability_is_the_iou_of_a_mask_cut_higher_and_lower() -> None:
    logits = np.array([[[-2, -0.5, 0.5, 2]], [[-2, -2, -2, -2]]], np.float32)
    assert stability(logits, 1.0).tolist() == pytest.approx([1 / 3, 0])
    assert stability(logits, 0.1).tolist() == pytest.approx([1, 0])


def test_boxes_are_in_pixels_of_the_window() -> None:
    inside: BoolArray = np.zeros((2, 4, 8), bool)
    inside[0, 1:3, 2:8] = True
    windows = np.array([[10, 20, 26, 28], [0, 0, 8, 4]], np.float32)
    assert cell_boxes(inside, windows).tolist() == [[14, 22, 26, 26], [0, 0, 0, 0]]


def test_what_ends_at_the_edge_of_a_crop_alone_is_cut_off() -> None:
    crop = np.array([100, 0, 200, 100], np.float32)
    boxes = np.array([[115, 30, 150, 60], [130, 30, 200, 60], [130, 0, 160, 60]], np.float32)
    assert cut_off(boxes, crop, (300, 200)).tolist() == [True, False, False]
    assert cut_off(boxes, crop, (300, 400)).tolist() == [True, True, False]


def test_a_mask_without_a_pixel_of_the_image_is_no_object(squares: Image) -> None:
    class Slivers(Squares):
        """Its cells are so small that no pixel's centre lies in one."""

        def candidates(self, *args: Any, **options: Any) -> Candidates:
            made = super().candidates(*args, **options)
            logits = np.full((len(made), 1, 1000, 1000), -8, np.float32)
            logits[:, 0, 2, 3] = 8
            window = np.tile(np.array([0, 0, 200, 100], np.float32), (len(made), 1))
            return Candidates(logits, window, made.scores[:, :1])

    assert stages.segment_everything(Slivers(), squares, MasksRequest(points_per_side=2)) == []
