"""Between the photo's pixels and a network's input: scaled, then padded on the right and below."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from edgeseg.types import FloatArray, UInt8Array

MULTIPLE = 32
PAD_VALUE = 114
# The longest side a network is given, however narrow the photo.
LONGEST = 1536


@dataclass(frozen=True)
class Letterbox:
    """How a photo of ``size_hw`` lies in an input of ``input_hw``: photo * scale = input."""

    size_hw: tuple[int, int]
    scaled_hw: tuple[int, int]
    input_hw: tuple[int, int]

    @classmethod
    def for_size(cls, size_hw: tuple[int, int], area_px: int) -> Letterbox:
        """Fit any aspect ratio to about ``area_px``, so that every photo costs the same."""
        h, w = size_hw
        scale = min(math.sqrt(area_px / (h * w)), LONGEST / max(h, w))
        scaled = max(1, round(h * scale)), max(1, round(w * scale))
        padded = tuple(-(-side // MULTIPLE) * MULTIPLE for side in scaled)
        return cls(size_hw, scaled, (padded[0], padded[1]))

    @property
    def scale_xy(self) -> FloatArray:
        """(2,) input pixels per photo pixel along x and y."""
        (h, w), (sh, sw) = self.size_hw, self.scaled_hw
        return np.array([sw / w, sh / h], np.float32)

    def render(self, rgb: UInt8Array) -> FloatArray:
        """(1, 3, H, W) float32 in [0, 1] of the (h, w, 3) uint8 photo."""
        h, w = self.scaled_hw
        small = PillowImage.fromarray(rgb).resize(
            (w, h), PillowImage.Resampling.BILINEAR, reducing_gap=2.0
        )
        out = np.full((*self.input_hw, 3), PAD_VALUE / 255, np.float32)
        np.multiply(np.asarray(small), 1 / 255, out=out[:h, :w])
        return np.ascontiguousarray(out.transpose(2, 0, 1))[None]


def sigmoid(x: npt.NDArray[np.float32]) -> FloatArray:
    """Logistic function, without overflow."""
    half: FloatArray = 0.5 * (np.tanh(0.5 * x) + 1)
    return half
