"""Overlapping tiles of a photo, and which of them shows an object best."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edgeseg.schemas import TileMode
from edgeseg.types import BoolArray, FloatArray, Image, MaskPrompt

# Side of the smallest tiles, and the part of a side that neighbours share.
TILE_PX = 512
OVERLAP = 0.25
MAX_TILES = 300
# tile="auto": images with at least this longer side get at most so many tiles.
LARGE_PX = 1600
FEW_TILES = 12
# Objects shorter than this share of the photo get a tile of their own.
SMALL = 1 / 12
# What is around an object, as a share of its sides, helps to outline it.
CONTEXT = 0.25


@dataclass(frozen=True)
class Tile:
    """A window of a photo, in pixels; those of one grid have the same ``level``, 0 is the whole."""

    x0: int
    y0: int
    x1: int
    y1: int
    level: int = 0

    def cut(self, image: Image) -> Image:
        """Return the window as an image of its own; the whole is the image itself."""
        if (self.y1 - self.y0, self.x1 - self.x0) == image.size_hw:
            return image
        window = np.ascontiguousarray(image.rgb[self.y0 : self.y1, self.x0 : self.x1])
        place = f"{image.sha256}/{self.x0},{self.y0},{self.x1},{self.y1}"
        return Image(window, hashlib.sha256(place.encode()).hexdigest())

    def full(self, mask: BoolArray, size_hw: tuple[int, int]) -> BoolArray:
        """Return the (h, w) mask of the window as an (H, W) mask of the photo."""
        if mask.shape == size_hw:
            return mask
        full_mask = np.zeros(size_hw, bool)
        full_mask[self.y0 : self.y1, self.x0 : self.x1] = mask
        return full_mask

    def prompt(self, prompt: MaskPrompt) -> MaskPrompt:
        """Return a prompt on the photo as one on the window, which holds its box."""
        box, old = prompt.box_xyxy, prompt.previous
        if box is not None:
            box = (box[0] - self.x0, box[1] - self.y0, box[2] - self.x0, box[3] - self.y0)
        return MaskPrompt(
            box_xyxy=box,
            points_xy=prompt.points_xy - np.array(self.corner_xy, np.float32),
            point_labels=prompt.point_labels,
            previous=None if old is None else old[self.y0 : self.y1, self.x0 : self.x1],
        )

    @property
    def pixels(self) -> int:
        """The number of its pixels."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    @property
    def corner_xy(self) -> tuple[int, int]:
        """Where the window begins in the photo."""
        return self.x0, self.y0


def whole(size_hw: tuple[int, int]) -> Tile:
    """Return the photo as one tile."""
    return Tile(0, 0, size_hw[1], size_hw[0])


def grid(size_hw: tuple[int, int], side: int, level: int = 1) -> list[Tile]:
    """Return tiles of a side in pixels that cover the photo, neighbours sharing at least a quarter.

    >>> [(tile.x0, tile.x1) for tile in grid((512, 1200), 512)]
    [(0, 512), (344, 856), (688, 1200)]
    """
    rows, columns = (_starts(length, side) for length in size_hw)
    height, width = size_hw
    return [
        Tile(x, y, min(x + side, width), min(y + side, height), level)
        for y in rows
        for x in columns
    ]


def pyramid(size_hw: tuple[int, int]) -> list[Tile]:
    """Return grids of every scale between the smallest tiles and the whole, which is left out.

    A grid of each scale shows every object whole in some tile: what is longer than the seams of
    one grid are wide is shorter than those of a coarser one. Photos of more than MAX_TILES have
    larger tiles.
    """
    side = TILE_PX
    while len(tiles := _scales(size_hw, side)) > MAX_TILES:
        side = side * 9 // 8
    return tiles


def few(size_hw: tuple[int, int]) -> list[Tile]:
    """Return one grid of at most FEW_TILES."""
    side = TILE_PX
    while len(tiles := grid(size_hw, side)) > FEW_TILES:
        side = side * 9 // 8
    return tiles


def views(size_hw: tuple[int, int], tile: TileMode) -> list[Tile]:
    """Return every part of a photo that a detector may be shown, the whole first."""
    tiles: list[Tile] = []
    if tile == "always":
        tiles = pyramid(size_hw)
    elif tile == "auto" and max(size_hw) >= LARGE_PX:
        tiles = few(size_hw)
    return [whole(size_hw), *tiles]


def nearest(boxes_xyxy: FloatArray, size_hw: tuple[int, int], every: bool) -> dict[Tile, list[int]]:
    """Return by which tile each of (N, 4) boxes is best outlined: the smallest that holds it.

    Without ``every``, only boxes that are small in a large photo get a tile, at most FEW_TILES
    tiles in all; the whole photo serves the rest.
    """
    chosen: dict[Tile, list[int]] = {}
    longest = max(size_hw)
    tiles = pyramid(size_hw) if every or longest >= LARGE_PX else []
    for row, box in enumerate(boxes_xyxy):
        close = every or max(box[2] - box[0], box[3] - box[1]) < SMALL * longest
        tile = _holding(box, tiles, size_hw) if close else None
        if tile is None or not (every or tile in chosen or len(chosen) < FEW_TILES):
            tile = whole(size_hw)
        chosen.setdefault(tile, []).append(row)
    return chosen


def _starts(length: int, side: int) -> list[int]:
    """Where tiles of a side begin along a length, evenly spread."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (side * (1 - OVERLAP)))) + 1
    return [int(start) for start in np.linspace(0, length - side, count).round()]


def _scales(size_hw: tuple[int, int], smallest: int) -> list[Tile]:
    tiles: list[Tile] = []
    side, level = smallest, 1
    while side < max(size_hw):
        tiles += grid(size_hw, side, level)
        side, level = side * 2, level + 1
    return tiles


def _holding(box: FloatArray, tiles: Iterable[Tile], size_hw: tuple[int, int]) -> Tile | None:
    """The smallest tile that holds a box with what is around it."""
    margin = CONTEXT * np.tile(box[2:] - box[:2], 2) * np.array([-1, -1, 1, 1])
    x0, y0, x1, y1 = np.clip(box + margin, 0, [*size_hw[::-1], *size_hw[::-1]])
    for tile in tiles:
        if tile.x0 <= x0 and tile.y0 <= y0 and x1 <= tile.x1 and y1 <= tile.y1:
            return tile
    return None
