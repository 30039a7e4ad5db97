"""Losses of embeddings, of masks and of predicted IoUs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from training.edge_sam.config import Losses

FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0


def embedding_loss(student: Tensor, teacher: Tensor, inside: Tensor) -> Tensor:
    """Mean squared difference of two (B, 256, G, G) maps over the cells that no padding covers.

    ``inside`` (B, 1, G, G) is the share of each cell that the image covers; half is enough.
    """
    counts = (inside > 0.5).float()
    squares = (student - teacher).square().mean(1, keepdim=True)
    return (squares * counts).sum() / counts.sum().clamp(min=1)


def mask_losses(logits: Tensor, target: Tensor, inside: Tensor, weights: Losses) -> Tensor:
    """(N, C) weighted sums of cross-entropy, Dice and focal loss of (N, C, S, S) logits.

    ``target`` (N, C, S, S) holds the covered share of each pixel, ``inside`` (N, 1, S, S) the share
    that is no padding. Cross-entropy is averaged over the pixels inside; Dice adds 1 to both parts
    of its fraction, so that an empty mask has one.
    """
    area = inside.sum((2, 3)).clamp(min=1)
    total = logits.new_zeros(logits.shape[:2])
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if weights.bce:
        total = total + weights.bce * (entropy * inside).sum((2, 3)) / area
    if weights.focal:
        right = torch.exp(-entropy)
        alpha = FOCAL_ALPHA * target + (1 - FOCAL_ALPHA) * (1 - target)
        focal = alpha * (1 - right) ** FOCAL_GAMMA * entropy
        total = total + weights.focal * (focal * inside).sum((2, 3)) / area
    if weights.dice:
        share, goal = logits.sigmoid() * inside, target * inside
        overlap = (share * goal).sum((2, 3))
        dice = 1 - (2 * overlap + 1) / (share.sum((2, 3)) + goal.sum((2, 3)) + 1)
        total = total + weights.dice * dice
    return total


@torch.no_grad()
def mask_ious(logits: Tensor, target: Tensor) -> Tensor:
    """(N, C) IoUs of (N, C, S, S) masks cut at logit 0 with targets cut at a half."""
    hard, goal = logits > 0, target > 0.5
    union = (hard | goal).sum((2, 3)).clamp(min=1)
    return (hard & goal).sum((2, 3)) / union
