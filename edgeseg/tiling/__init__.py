"""Large photos seen closely: in overlapping tiles, with what their seams cut made whole."""

from edgeseg.tiling.looks import looks
from edgeseg.tiling.seams import merge
from edgeseg.tiling.tiles import Tile, nearest, views, whole

__all__ = ["Tile", "looks", "merge", "nearest", "views", "whole"]
