"""Large photos seen closely: in overlapping tiles, with what their seams cut made whole."""

from edgeseg.tiling.detect import detect_views
from edgeseg.tiling.merge import merge
from edgeseg.tiling.tiles import Tile, nearest, views, whole

__all__ = ["Tile", "detect_views", "merge", "nearest", "views", "whole"]
