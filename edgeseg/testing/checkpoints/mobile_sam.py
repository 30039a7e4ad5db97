"""MobileSAM with random weights, as its authors save it."""

from __future__ import annotations

from pathlib import Path


def write(folder: Path, file: str = "mobile_sam.pt") -> None:
    """Write a checkpoint into ``folder``; MobileSAM has one size."""
    import torch

    from edgeseg.engines.mobile_sam import MobileSam
    from edgeseg.testing.checkpoints.edge_sam import randomise

    model = MobileSam()
    randomise(model)
    torch.save(model.state_dict(), folder / file)
