"""Tiles: they cover the photo, and what their seams cut is one object again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from edgeseg import stages, tiling
from edgeseg.codecs import rle_to_mask
from edgeseg.engines.fake import FakeSegmenter
from edgeseg.schemas import DetectRequest, RefineRequest, parse
from edgeseg.tiling.tiles import FEW_TILES, MAX_TILES, TILE_PX, few, grid, pyramid
from edgeseg.types import BoolArray, Detections, Image, Masks

SKY, RED, BLUE = (9, 9, 9), (250, 0, 0), (0, 0, 250)
COLOURS = {"cat": RED, "dog": BLUE}


def scene(
    size_hw: tuple[int, int], *things: tuple[tuple[int, int, int, int], tuple[int, int, int]]
) -> Image:
    """A dark image with rectangles x0, y0, x1, y1 of a colour."""
    rgb = np.full((*size_hw, 3), SKY, np.uint8)
    for (x0, y0, x1, y1), colour in things:
        rgb[y0:y1, x0:x1] = colour
    return Image.from_array(rgb)


class ByColour:
    """Finds the rectangles, unless they are small beside the image that it is given."""

    name, device, dtype = "by-colour", "cpu", "float32"

    def __init__(self, least_share: float = 0.1) -> None:
        self.least_share = least_share
        self.asked: list[tuple[tuple[int, int], tuple[str, ...]]] = []

    def close(self) -> None:
        self.asked = []

    def detect(
        self, image: Image, phrases: Sequence[str], *, box_threshold: float, text_threshold: float
    ) -> Detections:
        self.asked.append((image.size_hw, tuple(phrases)))
        rows = []
        for phrase in phrases:
            ys, xs = np.nonzero((image.rgb == COLOURS[phrase]).all(axis=2))
            for half in _connected(xs, ys):
                x0, y0, x1, y1 = half
                share = max((x1 - x0) / image.size_hw[1], (y1 - y0) / image.size_hw[0])
                if share >= self.least_share:
                    rows.append((half, 0.5 + 0.4 * min(share, 1), phrase))
        return Detections(
            np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
            np.array([row[1] for row in rows], np.float32),
            tuple(row[2] for row in rows),
        )

    def ground(
        self, image: Image, phrases: Sequence[str], *, box_threshold: float, text_threshold: float
    ) -> tuple[Detections, Masks]:
        found = self.detect(
            image, phrases, box_threshold=box_threshold, text_threshold=text_threshold
        )
        masks = [(image.rgb == COLOURS[label]).all(axis=2) for label in found.labels]
        shape = (len(found), *image.size_hw)
        return found, Masks(np.array(masks, bool).reshape(shape), found.scores)


def _connected(xs: Any, ys: Any) -> list[tuple[float, float, float, float]]:
    """One box per rectangle: in these scenes, those of a colour never share a column."""
    if not len(xs):
        return []
    columns = np.unique(xs)
    parts = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    boxes = []
    for part in parts:
        rows = ys[np.isin(xs, part)]
        boxes.append((part[0], rows.min(), part[-1] + 1, rows.max() + 1))
    return boxes


def request(**fields: Any) -> DetectRequest:
    return parse(DetectRequest, {"text_prompt": "cat .", **fields})


def find(engine: ByColour, image: Image, **fields: Any) -> Detections:
    wanted = request(**fields)
    return stages.detect(engine, image, wanted, stages.pass_through(wanted.text_prompt))


@pytest.mark.parametrize(
    "size_hw", [(32, 32), (480, 640), (600, 600), (8000, 1000), (1000, 8000), (8000, 8000)]
)
def test_tiles_cover_every_pixel_and_overlap(size_hw: tuple[int, int]) -> None:
    for tiles in (grid(size_hw, TILE_PX), few(size_hw), pyramid(size_hw)):
        assert all(0 <= t.x0 < t.x1 <= size_hw[1] for t in tiles)
        assert all(0 <= t.y0 < t.y1 <= size_hw[0] for t in tiles)
    covered = np.zeros((size_hw[0] // 8 + 1, size_hw[1] // 8 + 1), int)
    for tile in few(size_hw):
        covered[tile.y0 // 8 : -(-tile.y1 // 8), tile.x0 // 8 : -(-tile.x1 // 8)] += 1
    assert covered[: size_hw[0] // 8, : size_hw[1] // 8].min() >= 1
    assert len(few(size_hw)) <= FEW_TILES
    assert len(pyramid(size_hw)) <= MAX_TILES
    assert (covered > 1).any() == (len(few(size_hw)) > 1)


def test_every_object_is_whole_in_some_tile() -> None:
    size_hw, rng = (2400, 3200), np.random.default_rng(5)
    tiles = [*pyramid(size_hw), tiling.whole(size_hw)]
    for _ in range(300):
        side = rng.uniform(10, 1000)
        x, y = rng.uniform(0, 3200 - side), rng.uniform(0, 2400 - side)
        holds = [
            t.x1 - t.x0
            for t in tiles
            if t.x0 <= x and t.y0 <= y and x + side <= t.x1 and y + side <= t.y1
        ]
        assert min(holds) <= max(TILE_PX, 8 * side)


def test_what_is_small_in_a_large_image_is_found_in_tiles() -> None:
    image = scene((1500, 2000), ((700, 380, 820, 430), RED))
    assert not len(find(ByColour(), image, tile="never"))
    for mode in ("auto", "always"):
        found = find(ByColour(), image, tile=mode, box_threshold=0.3)
        assert found.boxes_xyxy.tolist() == [[700, 380, 820, 430]], mode


def test_an_object_across_a_seam_is_one_object_with_one_mask() -> None:
    image = scene((600, 2000), ((300, 200, 900, 300), RED), ((1500, 100, 1600, 180), RED))
    grounded = stages.ground(
        ByColour(0.02), image, request(tile="always"), stages.pass_through("cat .")
    )
    boxes = sorted(each.box for each in grounded)
    assert boxes == [(300, 200, 900, 300), (1500, 100, 1600, 180)]
    for each in grounded:
        x0, y0, x1, y1 = (int(side) for side in each.box)
        mask = rle_to_mask(each.mask)
        assert mask[y0:y1, x0:x1].all()
        # The whole view's mask holds both: this engine tells nothing of one colour apart.
        assert not (mask & (image.rgb != RED).any(axis=2)).any()


def test_parts_that_no_tile_shows_whole_are_joined() -> None:
    left, right, frame = (
        tiling.Tile(0, 0, 400, 400, 1),
        tiling.Tile(300, 0, 700, 400, 1),
        tiling.Tile(0, 0, 700, 400),
    )
    views = [
        (frame, Detections.empty()),
        (left, _one((150, 100, 400, 200), 0.5)),
        (right, _one((0, 98, 250, 203), 0.7)),
    ]
    found, members = tiling.merge(views)
    assert found.boxes_xyxy.tolist() == [[150, 98, 550, 203]]
    assert found.scores.tolist() == pytest.approx([0.7])
    assert sorted(members[0]) == [(1, 0), (2, 0)]


def test_parts_of_what_was_seen_whole_are_dropped() -> None:
    left, frame = tiling.Tile(0, 0, 400, 400, 1), tiling.Tile(0, 0, 700, 400)
    views = [(frame, _one((100, 100, 600, 200), 0.4)), (left, _one((100, 100, 399, 200), 0.9))]
    found, members = tiling.merge(views)
    assert found.boxes_xyxy.tolist() == [[100, 100, 600, 200]]
    assert members == [[(0, 0)]]


def test_a_cut_part_that_the_tile_beside_it_does_not_show_is_nothing() -> None:
    frame, left, right = (
        tiling.Tile(0, 0, 700, 400),
        tiling.Tile(0, 0, 400, 400, 1),
        tiling.Tile(250, 0, 700, 400, 1),
    )
    nothing = Detections.empty()
    views = [(frame, nothing), (left, _one((300, 20, 398, 80), 0.5)), (right, nothing)]
    found, members = tiling.merge(views)
    assert len(found) == 0
    assert members == []


def test_two_scales_that_frame_a_thing_differently_show_one_thing() -> None:
    frame, tile = tiling.Tile(0, 0, 700, 400), tiling.Tile(0, 0, 400, 400, 1)
    views = [(frame, _one((98, 92, 294, 258), 0.4)), (tile, _one((149, 105, 273, 251), 0.6))]
    found, members = tiling.merge(views)
    assert found.boxes_xyxy.tolist() == [[149, 105, 273, 251]]
    assert members == [[(1, 0)]]


def test_two_things_side_by_side_stay_two() -> None:
    frame, left, right = (
        tiling.Tile(0, 0, 700, 400),
        tiling.Tile(0, 0, 400, 400, 1),
        tiling.Tile(300, 0, 700, 400, 1),
    )
    views = [
        (frame, Detections.empty()),
        (left, _one((150, 20, 398, 80), 0.5)),
        (right, _one((2, 300, 250, 380), 0.7)),
    ]
    assert len(tiling.merge(views)[0]) == 2


def test_auto_looks_closely_only_at_what_is_missing_in_large_images() -> None:
    things = (((100, 100, 700, 900), BLUE), ((1500, 380, 1560, 430), RED))
    engine = ByColour()
    find(engine, scene((1500, 2000), *things), text_prompt="cat . dog .")
    first, *closer = engine.asked
    assert first == ((1500, 2000), ("cat", "dog"))
    assert {phrases for _, phrases in closer} == {("cat",)}
    assert len(closer) <= FEW_TILES
    engine = ByColour()
    find(engine, scene((600, 800), *things[:1]), text_prompt="cat . dog .")
    assert len(engine.asked) == 1


class Watching(FakeSegmenter):
    """The fake segmenter, remembering the sizes that it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []

    def embed(self, image: Image) -> Any:
        self.seen.append(image.size_hw)
        return super().embed(image)


def _one(box: tuple[float, float, float, float], score: float) -> Detections:
    return Detections(np.array([box], np.float32), np.array([score], np.float32), ("cat",))


def test_small_objects_are_outlined_closely_in_the_frame_of_the_image() -> None:
    image, engine = scene((1500, 2000)), Watching()
    boxes = np.array([[700, 380, 760, 430], [100, 100, 1900, 1400]], np.float32)
    detections = Detections(boxes, np.array([0.9, 0.8], np.float32), ("cat", "dog"))
    objects = stages.segment(engine, image, detections, tile="auto")
    assert sorted(engine.seen) == [(TILE_PX, TILE_PX), (1500, 2000)]
    assert [each.id for each in objects] == [0, 1]
    assert [each.label for each in objects] == ["cat", "dog"]
    plain = stages.segment(Watching(), image, detections, tile="never")
    for one, other in zip(objects, plain, strict=True):
        assert same(rle_to_mask(one.mask), rle_to_mask(other.mask)) > 0.98
        assert one.area == int(rle_to_mask(one.mask).sum())


def test_refining_a_small_object_looks_closely_too() -> None:
    image, engine = scene((1500, 2000)), Watching()
    detections = Detections(
        np.array([[700, 380, 760, 430]], np.float32), np.array([0.9], np.float32), ("cat",)
    )
    objects = stages.segment(engine, image, detections)
    wanted = parse(
        RefineRequest, {"object_id": 0, "points": [{"x": 755, "y": 400}, {"x": 730, "y": 405}]}
    )
    made = stages.refine(engine, image, wanted, objects)
    mask = rle_to_mask(made.mask)
    assert engine.seen == [(TILE_PX, TILE_PX)] * 2
    assert mask[400, 755]
    assert not mask[:100].any()


def same(left: BoolArray, right: BoolArray) -> float:
    return float((left & right).sum() / (left | right).sum())
