"""Images as networks take them: normalised, the padding zero, and which cells are no padding."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def normalised(images: Tensor, inside_hw: Tensor) -> Tensor:
    """(B, 3, S, S) float32 of uint8 images, zero beyond the (B, 2) heights and widths."""
    mean, std = (torch.tensor(each, device=images.device)[:, None, None] for each in (MEAN, STD))
    return (images.float() - mean) / std * inside(inside_hw, images.shape[-1])


def inside(inside_hw: Tensor, side: int) -> Tensor:
    """(B, 1, side, side) float32: 1 where the image is."""
    place = torch.arange(side, device=inside_hw.device)
    rows, columns = place < inside_hw[:, :1], place < inside_hw[:, 1:]
    return (rows[:, None, :, None] & columns[:, None, None, :]).float()


def inside_cells(inside_hw: Tensor, size_px: int, cells: int) -> Tensor:
    """(B, 1, cells, cells): the share of each cell of a ``size_px``² input that is image."""
    whole = inside(inside_hw, size_px)
    return functional.interpolate(whole, (cells, cells), mode="bilinear", align_corners=False)
