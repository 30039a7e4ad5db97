"""An engine of your own: a detector that finds what is red, in place of a learned one.

``python examples/own_engine.py photo.jpg``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from edgeseg import Detections, EdgeSegAI, Image
from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions


class RedDetector:
    """Puts one box round everything red, whatever the phrase."""

    name, device, dtype = "red", "cpu", "float32"

    def __init__(self, options: EngineOptions) -> None:
        self.min_redness = 60

    def close(self) -> None:
        """Nothing is held."""

    def detect(
        self, image: Image, phrases: Sequence[str], *, box_threshold: float, text_threshold: float
    ) -> Detections:
        """Return one box in pixels, labelled with the first phrase, or nothing."""
        red, green, blue = (image.rgb[:, :, channel].astype(int) for channel in range(3))
        rows, columns = np.nonzero(red - np.maximum(green, blue) > self.min_redness)
        if not phrases or not len(rows):
            return Detections.empty()
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Detections(np.array([box], np.float32), np.ones(1, np.float32), (phrases[0],))


registry.register(
    registry.Entry("red", "detect", f"{__name__}:RedDetector", "Whatever is red.", licence="yours")
)


def main(path: str) -> None:
    """Segment what is red."""
    result = EdgeSegAI(detector="red").segment_image(path, "something red")
    for obj in result.objects:
        print(f"{obj.label}: box {obj.box}, {obj.area} pixels")


if __name__ == "__main__":
    main(sys.argv[1])
