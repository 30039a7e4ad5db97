"""Between the photo's pixels and the square input: scaled, then padded on the right and below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edgeseg.engines.edge_sam.prompt_encoder import BOTTOM_RIGHT, INPUT_PX, PADDING, TOP_LEFT
from edgeseg.engines.sam.base import normalised
from edgeseg.types import FloatArray, Image, IntArray

# Masks travel at a quarter of the input's resolution.
MASK_PX = 256


@dataclass(frozen=True)
class Letterbox:
    """How a photo of ``size_hw`` lies in the input: its upper left ``scaled_hw`` pixels.

    The input has ``input_px`` pixels a side. Prompts are in pixels of the 1024² frame whatever
    that is, since places are relative in the prompt encoder.
    """

    size_hw: tuple[int, int]
    scaled_hw: tuple[int, int]
    input_px: int = INPUT_PX

    @classmethod
    def for_size(cls, size_hw: tuple[int, int], input_px: int = INPUT_PX) -> Letterbox:
        """Scale the longest side to that of the input."""
        scale = input_px / max(size_hw)
        height, width = (max(1, int(side * scale + 0.5)) for side in size_hw)
        return cls(size_hw, (height, width), input_px)

    def render(self, image: Image, device: torch.device) -> Tensor:
        """(1, 3, input_px, input_px) float32, normalised, of the photo."""
        height, width = self.scaled_hw
        pixels = normalised(image, self.scaled_hw, device)
        return functional.pad(pixels, (0, self.input_px - width, 0, self.input_px - height))

    def places(self, places_xy: FloatArray) -> FloatArray:
        """(..., 2) in pixels of the photo to pixels of the 1024² frame."""
        (height, width), (scaled_height, scaled_width) = self.size_hw, self.scaled_hw
        scale = np.array([scaled_width / width, scaled_height / height], np.float32)
        return np.asarray(places_xy, np.float32) * (scale * np.float32(INPUT_PX / self.input_px))

    def restore(self, logits: Tensor) -> Tensor:
        """(B, C, H, W) logits in pixels of the photo, of (B, C, input_px / 4, input_px / 4)."""
        whole = _resized(logits.float(), (self.input_px, self.input_px))
        height, width = self.scaled_hw
        return _resized(whole[..., :height, :width], self.size_hw)


def corners(boxes_xyxy: FloatArray) -> tuple[FloatArray, IntArray]:
    """Boxes (B, 4) as points: (B, 2, 2) places and (B, 2) labels."""
    count = len(boxes_xyxy)
    labels = np.tile(np.array([TOP_LEFT, BOTTOM_RIGHT], np.int64), (count, 1))
    return np.asarray(boxes_xyxy, np.float32).reshape(count, 2, 2), labels


def padded(places: FloatArray, labels: IntArray) -> tuple[FloatArray, IntArray]:
    """Add the point that the decoder was trained to find where no box is: (B, P + 1, ...)."""
    count = len(labels)
    return (
        np.concatenate([places, np.zeros((count, 1, 2), np.float32)], axis=1),
        np.concatenate([labels, np.full((count, 1), PADDING, np.int64)], axis=1),
    )


def stability(logits: Tensor, offset: float = 1.0) -> Tensor:
    """(B, C) IoUs of the masks cut at logit ``offset`` and at ``-offset``, of (B, C, H, W).

    A mask whose edge is sharp hardly changes with where it is cut; of an empty one it is 0.
    """
    inner = (logits > offset).sum((-2, -1), dtype=torch.float32)
    outer = (logits > -offset).sum((-2, -1), dtype=torch.float32)
    return inner / outer.clamp(min=1)


def _resized(x: Tensor, size_hw: tuple[int, int]) -> Tensor:
    return functional.interpolate(x, size_hw, mode="bilinear", align_corners=False)
