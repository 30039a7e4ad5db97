"""Losses of masks and of predicted IoUs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def mask_losses(logits: Tensor, target: Tensor) -> Tensor:
    """(N, C) binary cross-entropy plus Dice (smooth 1) of (N, C, S, S) logits.

    ``target`` (N, S, S) holds the covered share of each pixel. Both terms weigh the same, as in the
    EdgeSAM paper (5 and 5).
    """
    goal = target[:, None].expand_as(logits)
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, goal, reduction="none")
    share = logits.sigmoid()
    overlap = (share * goal).sum((2, 3))
    dice = 1 - (2 * overlap + 1) / (share.sum((2, 3)) + goal.sum((2, 3)) + 1)
    return cross_entropy.mean((2, 3)) + dice


@torch.no_grad()
def mask_ious(logits: Tensor, target: Tensor) -> Tensor:
    """(N, C) IoUs of the masks cut at logit 0 with (N, S, S) targets cut at a half."""
    hard, goal = logits > 0, (target > 0.5)[:, None]
    union = (hard | goal).sum((2, 3)).clamp(min=1)
    return (hard & goal).sum((2, 3)) / union
