"""A mask from a click, corrected by another.

``python examples/refine_with_points.py photo.jpg 220 150``
"""

from __future__ import annotations

import sys
from pathlib import Path

from edgeseg import EdgeSegAI


def main(path: str, x: str, y: str) -> None:
    """Add an object at a point, then take away what lies at the image's corner."""
    with EdgeSegAI(ttl=60) as ai:
        result = ai.segment_image(path, "cat")
        result = ai.refine(result, points=[{"x": x, "y": y}], label="clicked")
        added = result.objects[-1]
        print(f"clicked: {added.area} pixels")
        points = [{"x": x, "y": y}, {"x": 1, "y": 1, "label": 0}]
        result = ai.refine(result, object_id=added.id, points=points)
        print(f"corrected: {result.objects[-1].area} pixels")
    folder = Path("out")
    folder.mkdir(exist_ok=True)
    result.overlay(boxes=False).save(folder / "clicked.png")


if __name__ == "__main__":
    main(*sys.argv[1:4])
