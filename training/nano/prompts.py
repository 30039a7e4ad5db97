"""Prompts as channels of a crop: boxes, clicks, the previous mask; and where to click next."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from training.nano.segmenter import MIDDLE

# A click is a blob of this many cells (one standard deviation).
BLOB = 2.0


def cell_positions(device: torch.device) -> Tensor:
    """(64,) centres in [0, 1]."""
    return (torch.arange(MIDDLE, device=device) + 0.5) / MIDDLE


def box_channel(crops: Tensor, boxes: Tensor) -> Tensor:
    """(N, 64, 64) share of each cell inside its box (N, 4), both xyxy pixels."""
    ticks = cell_positions(crops.device)
    size = crops[:, 2:] - crops[:, :2]
    low, high = (boxes[:, :2] - crops[:, :2]) / size, (boxes[:, 2:] - crops[:, :2]) / size
    # A cell's share along one axis: linear over the cell that the side cuts.
    inside = []
    for axis in range(2):
        left = ((ticks - low[:, axis : axis + 1]) * MIDDLE + 0.5).clamp(0, 1)
        right = ((high[:, axis : axis + 1] - ticks) * MIDDLE + 0.5).clamp(0, 1)
        inside.append(left * right)
    return inside[1][:, :, None] * inside[0][:, None, :]


def point_channel(crops: Tensor, points: Tensor, used: Tensor) -> Tensor:
    """(N, 64, 64) blobs at (N, P, 2) pixel points where (N, P) `used` is 1."""
    ticks = cell_positions(crops.device)
    size = crops[:, 2:] - crops[:, :2]
    place = (points - crops[:, None, :2]) / size[:, None]
    dx = (ticks - place[..., 0:1]) * MIDDLE
    dy = (ticks - place[..., 1:2]) * MIDDLE
    blob = torch.exp(-(dx[:, :, None, :] ** 2 + dy[:, :, :, None] ** 2) / (2 * BLOB**2))
    return (blob * used[..., None, None]).amax(1)


def prompt_channels(
    crops: Tensor,
    boxes: Tensor,
    certain: Tensor,
    positive: tuple[Tensor, Tensor],
    negative: tuple[Tensor, Tensor],
    previous: Tensor,
) -> Tensor:
    """(N, 5, 64, 64) channels; `certain` (N,) is 1 for a given box and 0 for a guessed one.

    `positive` and `negative` are (N, P, 2) points with (N, P) use flags; `previous` is a
    (N, 64, 64) mask in [-1, 1], zeros without one.
    """
    box = box_channel(crops, boxes)
    return torch.stack(
        [
            box,
            box * certain[:, None, None],
            point_channel(crops, *positive),
            point_channel(crops, *negative),
            previous,
        ],
        1,
    )


def next_click(logits: Tensor, goal: Tensor, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One click per mask in its error region, as in the prompt loop of the EdgeSAM paper.

    `logits` and `goal` are (N, S, S) over the crops. Returns (N, 2) pixel points, (N,) 1 for a
    missed and 0 for a spurious place, and (N,) 0 where hardly anything is wrong.
    """
    s = logits.shape[-1]
    wrong = ((logits > 0) != (goal > 0.5)).float()
    # Deep inside an error region, away from its rim, is where people click.
    depth = F.avg_pool2d(wrong[:, None], 5, 1, 2)[:, 0] * wrong
    noise = torch.rand_like(depth) * 0.3
    choice = (depth + noise * wrong).flatten(1).argmax(1)
    x, y = choice % s, choice // s
    size = crops[:, 2:] - crops[:, :2]
    place = torch.stack([(x + 0.5) / s, (y + 0.5) / s], 1) * size + crops[:, :2]
    missed = goal.flatten(1).gather(1, choice[:, None])[:, 0] > 0.5
    enough = wrong.flatten(1).sum(1) >= 10
    return place, missed.float(), enough.float()
