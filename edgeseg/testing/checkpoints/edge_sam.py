"""EdgeSAM with random weights, as its authors save it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def write(folder: Path, file: str = "edge_sam.pth", width: float = 1.0) -> None:
    """Write a checkpoint into ``folder``; the published models have ``width`` 1."""
    import torch

    from edgeseg.engines.edge_sam import EdgeSam

    model = EdgeSam(width)
    randomise(model)
    torch.save(model.state_dict(), folder / file)


def randomise(model: nn.Module) -> None:
    """Let batch normalisations and attention biases do something, as those of a trained model."""
    from torch import nn

    for name, parameter in model.named_parameters():
        if name.endswith("attention_biases"):
            nn.init.normal_(parameter)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
