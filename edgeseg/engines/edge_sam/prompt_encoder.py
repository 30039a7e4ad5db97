"""The prompt encoder of SAM: points, box corners and a mask prompt become embeddings.

Kirillov et al., "Segment Anything", ICCV 2023, appendix A. Attribute names are those of published
checkpoints.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from edgeseg.engines.edge_sam.layers import LayerNorm2d

INPUT_PX = 1024
GRID = 64
WIDTH = 256
# What the embeddings of points stand for, by label.
OUTSIDE, INSIDE, TOP_LEFT, BOTTOM_RIGHT = 0, 1, 2, 3
PADDING, IGNORED = -1, -2
# In decoders for a fixed number of points: here is none, and nothing attends to it.
ABSENT = -3
LABELS = (OUTSIDE, INSIDE, TOP_LEFT, BOTTOM_RIGHT, PADDING)


class PositionEncoding(nn.Module):
    """Random Fourier features of places in 0..1."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, width // 2))

    def forward(self, places_xy: Tensor) -> Tensor:
        """(..., 2) in 0..1 to (..., width)."""
        matrix = self.positional_encoding_gaussian_matrix
        # In half precision a pixel would not be told from its neighbours.
        with torch.autocast(matrix.device.type, enabled=False):
            angles = (2 * places_xy - 1) @ matrix * (2 * math.pi)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def grid(self, height: int = GRID, width: int | None = None) -> Tensor:
        """(1, 256, height, width): the encoding of each cell's centre; square without a width."""
        matrix = self.positional_encoding_gaussian_matrix
        sides = (height, height if width is None else width)
        down, across = (
            (torch.arange(side, device=matrix.device) + 0.5).to(matrix.dtype) / side
            for side in sides
        )
        rows, columns = torch.meshgrid(down, across, indexing="ij")
        return self(torch.stack([columns, rows], dim=-1)).permute(2, 0, 1)[None]


class PromptEncoder(nn.Module):
    """Sparse embeddings for points and corners, dense ones for a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.pe_layer = PositionEncoding()
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, WIDTH) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, WIDTH)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2),
            LayerNorm2d(4),
            nn.GELU(),
            nn.Conv2d(4, 16, 2, 2),
            LayerNorm2d(16),
            nn.GELU(),
            nn.Conv2d(16, WIDTH, 1),
        )
        self.no_mask_embed = nn.Embedding(1, WIDTH)

    def sparse(self, points_xy: Tensor, labels: Tensor) -> Tensor:
        """(B, P, 256) of (B, P, 2) places in pixels of the 1024² input and (B, P) labels.

        Labels: 1 inside, 0 outside, 2 and 3 the corners of a box, -1 padding, -2 ignored (zeros).
        """
        embedded = self.pe_layer((points_xy + 0.5) / INPUT_PX)
        label = labels[..., None]
        embedded = embedded * (label >= 0)
        kinds = [*self.point_embeddings, self.not_a_point_embed]
        for value, kind in zip(LABELS, kinds, strict=True):
            embedded = embedded + (label == value) * kind(torch.zeros_like(labels))
        return embedded

    def dense(self, masks: Tensor | None, count: int, side: int = GRID) -> Tensor:
        """(count, 256, side, side) of (count, 1, 4 side, 4 side) logits, or of no masks."""
        if masks is not None:
            return self.mask_downscaling(masks)
        return self.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(count, -1, side, side)
