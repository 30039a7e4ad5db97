"""Large photos seen closely: in overlapping tiles, with what their seams cut made whole."""

from edgeseg.tiling.detect import looks
from edgeseg.tiling.merge import merge
from edgeseg.tiling.tiles import Tile, nearest, views, whole

__all__ = ["Tile", "looks", "merge", "nearest", "views", "whole"]
