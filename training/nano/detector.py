"""The nano detector: an anchor-free detector whose cells carry a text embedding."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from training.nano.backbone import STRIDES, Backbone, ConvBN, Pyramid

BINS = 16
"""Box sides are the mean of a distribution over 0 ... BINS - 1 cells."""


class Cells(NamedTuple):
    """Raw output for all cells of all levels, finest level first."""

    embeddings: Tensor
    """(B, L, D)"""
    sides: Tensor
    """(B, L, 4, BINS) logits of the distances to the left, top, right, bottom side."""
    pyramid: tuple[Tensor, Tensor, Tensor]
    stages: tuple[Tensor, Tensor, Tensor]
    """The backbone's maps of the same strides."""


class Detector(nn.Module):
    """Scores every cell against any unit text vectors: logit = gain * embedding . text + bias."""

    def __init__(self, dim: int, width: int = 96) -> None:
        super().__init__()
        self.backbone, self.pyramid = Backbone(), Pyramid(width)
        self.text_tower = nn.Sequential(ConvBN(width, width), ConvBN(width, width))
        self.box_tower = nn.Sequential(ConvBN(width, 64), ConvBN(64, 64))
        self.embedding = nn.Conv2d(width, dim, 1)
        self.sides = nn.Conv2d(64, 4 * BINS, 1)
        self.bias = nn.Parameter(torch.tensor(-5.0))
        self.gain = nn.Parameter(torch.tensor(3.0))
        nn.init.constant_(cast(Tensor, self.sides.bias), 0.5)
        nn.init.normal_(self.embedding.weight, std=0.01)

    def forward(self, images: Tensor) -> Cells:
        _, s8, s16, s32 = self.backbone(images)
        levels = self.pyramid(s8, s16, s32)
        embeddings = [self.embedding(self.text_tower(p)).flatten(2) for p in levels]
        sides = [self.sides(self.box_tower(p)).flatten(2) for p in levels]
        embedding = torch.cat(embeddings, 2).transpose(1, 2)
        side = torch.cat(sides, 2).transpose(1, 2)
        return Cells(embedding, side.reshape(*side.shape[:2], 4, BINS), levels, (s8, s16, s32))

    def logits(self, embeddings: Tensor, text: Tensor) -> Tensor:
        """(B, L, C) logits of (B, L, D) embeddings against (C, D) unit text vectors."""
        return self.gain * (embeddings @ text.T) + self.bias


def cell_grid(height: int, width: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """(L, 2) cell centres in pixels and (L,) strides for an image of that size."""
    centres, strides = [], []
    for s in STRIDES:
        ys = (torch.arange(height // s, device=device) + 0.5) * s
        xs = (torch.arange(width // s, device=device) + 0.5) * s
        grid_y, grid_x = torch.meshgrid(ys, xs, indexing="ij")
        centres.append(torch.stack([grid_x, grid_y], -1).reshape(-1, 2))
        strides.append(torch.full((centres[-1].shape[0],), float(s), device=device))
    return torch.cat(centres), torch.cat(strides)


def decode_boxes(sides: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """(B, L, 4) xyxy pixels from (B, L, 4, BINS) side logits."""
    bins = torch.arange(BINS, dtype=torch.float32, device=sides.device)
    distances = (sides.float().softmax(-1) @ bins) * strides[:, None]
    return torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)
