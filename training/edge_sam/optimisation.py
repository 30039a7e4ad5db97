"""Optimisers, and learning rates over the run."""

from __future__ import annotations

import math

import torch
from torch import nn

from training.common.muon import Muon
from training.edge_sam.config import Optimisation

# Of the flat schedule: the rate stays for this share of the run and ends at this share of itself.
FLAT, END = 0.3, 0.01
# Detectors' "1x" schedule: 12 epochs.
STEPS = (8 / 12, 11 / 12)


def optimisers(model: nn.Module, options: Optimisation) -> list[torch.optim.Optimizer]:
    """Build the optimisers of all parameters that learn.

    Neither biases nor normalisations decay, as in the original. Muon takes kernels and matrices,
    and AdamW what is left.
    """
    learning = [each for each in model.parameters() if each.requires_grad]
    large = [each for each in learning if each.ndim > 1]
    small = [each for each in learning if each.ndim <= 1]
    if options.name == "muon":
        return [
            Muon(large, lr=options.rate, weight_decay=options.weight_decay),
            torch.optim.AdamW(small, lr=options.rate, weight_decay=0.0),
        ]
    groups = [
        {"params": large, "weight_decay": options.weight_decay},
        {"params": small, "weight_decay": 0.0},
    ]
    return [torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.999), eps=1e-8)]


def learning_rate(options: Optimisation, progress: float, images: int) -> float:
    """Return the rate at a progress in [0, 1] for steps of so many images.

    It rises linearly, then falls along half a cosine; with ``flat-cosine`` it stays first, with
    ``steps`` it falls to a tenth after 8 and again after 11 of 12 parts of the run. Where
    ``rate_batch`` is set, all rates are for that many images and scaled in proportion.
    """
    scale = images / options.rate_batch if options.rate_batch else 1.0
    if progress < options.warmup:
        share = progress / options.warmup
        return scale * (options.warmup_rate + share * (options.rate - options.warmup_rate))
    if options.schedule == "steps":
        return scale * options.rate * 0.1 ** sum(progress >= each for each in STEPS)
    rest = (progress - options.warmup) / (1 - options.warmup)
    low = options.min_rate
    if options.schedule == "flat-cosine":
        rest = max(0.0, (rest - FLAT) / (1 - FLAT))
        low = max(low, END * options.rate)
    return scale * (low + (options.rate - low) * (1 + math.cos(math.pi * min(rest, 1.0))) / 2)
