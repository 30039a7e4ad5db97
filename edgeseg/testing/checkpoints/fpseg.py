"""FPSeg with random weights, as it is trained and saved."""

from __future__ import annotations

from pathlib import Path


def write(folder: Path, file: str = "fpseg.pth", classes: int = 3, tokens: int = 4) -> None:
    """Write a checkpoint with a narrow encoder of EdgeSAM's into ``folder``."""
    from edgeseg.engines.fpseg.checkpoint import write_checkpoint
    from edgeseg.engines.fpseg.encoders import build_encoder
    from edgeseg.engines.fpseg.model import FPSeg
    from edgeseg.testing.checkpoints.edge_sam import randomise

    model = FPSeg(build_encoder("edge_sam", width=0.25), classes, tokens)
    randomise(model)
    write_checkpoint(model, folder / file)
