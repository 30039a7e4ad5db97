"""EdgeSAM with random weights, as its authors save it."""

from __future__ import annotations

from pathlib import Path


def write(folder: Path, file: str = "edge_sam.pth") -> None:
    """Write a checkpoint into ``folder``; EdgeSAM has one size."""
    import torch
    from torch import nn

    from edgeseg.engines.edge_sam import EdgeSam

    model = EdgeSam()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            # Those of a trained one do something too.
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    torch.save(model.state_dict(), folder / file)
