"""The loss of a mask: cross-entropy of its pixels, and Dice beside it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from edgeseg.evaluation.label_maps import NOT_COUNTED


class Losses(NamedTuple):
    """Both parts, not weighted."""

    bce: Tensor
    dice: Tensor


def mask_losses(logits: Tensor, masks: Tensor) -> Losses:
    """Return the losses of (B, H, W) logits against uint8 masks: 1 in, 0 out, 255 not counted.

    Cross-entropy is the mean over all pixels that count, as the original's; Dice is one less twice
    the overlap over the sum of both, smoothed by a pixel, mean over the masks.
    """
    counted = (masks != NOT_COUNTED).float()
    goal = (masks == 1).float()
    each = functional.binary_cross_entropy_with_logits(logits, goal, reduction="none")
    bce = (each * counted).sum() / counted.sum().clamp(min=1)
    found = logits.sigmoid() * counted
    both = (found * goal).sum((1, 2))
    size = found.sum((1, 2)) + goal.sum((1, 2))
    return Losses(bce, (1 - (2 * both + 1) / (size + 1)).mean())
