"""Deformable attention that adds one level of the image to the next.

Zhu et al., "Deformable DETR: Deformable Transformers for End-to-End Object Detection", 2021. The
usual form in Python keeps what it sampled at all levels, then stacks it, then weighs it. Adding up
level by level gives the same sums in less memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import grid_sample


def attend(
    values: torch.Tensor,
    shapes_hw: Sequence[tuple[int, int]],
    places: torch.Tensor,
    weights: torch.Tensor,
) -> torch.Tensor:
    """(B, Q, H*D) weighed sums of (B, S, H, D) values at (B, Q, H, L, P, 2) places in 0..1.

    ``shapes_hw`` are the L levels that the S values are laid out in; ``weights`` is
    (B, Q, H, L, P).
    """
    batch, _, heads, width = values.shape
    queries = places.shape[1]
    total: torch.Tensor | None = None
    sizes = [height * across for height, across in shapes_hw]
    for level, (part, shape) in enumerate(
        zip(torch.split(values, sizes, dim=1), shapes_hw, strict=True)
    ):
        maps = part.flatten(2).transpose(1, 2).reshape(batch * heads, width, *shape)
        grid = (2 * places[:, :, :, level] - 1).transpose(1, 2).flatten(0, 1)
        sampled = grid_sample(maps, grid.to(maps.dtype), padding_mode="zeros", align_corners=False)
        weight = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)[:, None]
        summed = (sampled * weight).sum(-1)
        total = summed if total is None else total + summed
    assert total is not None
    return total.reshape(batch, heads * width, queries).transpose(1, 2).contiguous()


def patch_attention(model: Any) -> None:
    """Let every deformable attention of a model of transformers compute by `attend`."""

    def forward(
        value: torch.Tensor,
        value_spatial_shapes: torch.Tensor,
        value_spatial_shapes_list: Sequence[tuple[int, int]],
        level_start_index: torch.Tensor,
        sampling_locations: torch.Tensor,
        attention_weights: torch.Tensor,
        im2col_step: int,
    ) -> torch.Tensor:
        return attend(value, value_spatial_shapes_list, sampling_locations, attention_weights)

    for module in model.modules():
        if type(module).__name__ == "MultiScaleDeformableAttention":
            module.forward = forward
