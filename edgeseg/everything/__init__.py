"""Masks of everything in an image, without words: a grid of clicks, and the best of what they give.

Kirillov et al., "Segment Anything", 2023, appendix B.

    crops(size, layers) -> grid_points(side) -> Segmenter.candidates -> good_ones -> best_of_all
"""

from edgeseg.everything.find import OBJECT, find
from edgeseg.everything.grid import crops, grid_points
from edgeseg.everything.kept import Seen
from edgeseg.everything.merge import best_of_all
from edgeseg.everything.scan import Found, Scan, scan

__all__ = ["OBJECT", "Found", "Scan", "Seen", "best_of_all", "crops", "find", "grid_points", "scan"]
