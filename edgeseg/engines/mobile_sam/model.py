"""MobileSAM: SAM's prompt encoder and mask decoder behind a TinyViT."""

from __future__ import annotations

from pathlib import Path

import torch

from edgeseg.engines.edge_sam.model import SamModel, load_weights
from edgeseg.engines.mobile_sam.tiny_vit import TinyVit
from edgeseg.engines.torch.placement import read_tensors

ENCODER_PARAMETERS = 6_065_532


class MobileSam(SamModel):
    """SAM with TinyViT-5M as its encoder."""

    def __init__(self) -> None:
        super().__init__(TinyVit())


def read_checkpoint(path: Path) -> MobileSam:
    """Build the model with the weights of ``mobile_sam.pt``, or of a checkpoint of its form.

    Nothing but tensors is read from the file. Raises EngineUnavailableError for a file that is
    no checkpoint of MobileSAM, and says which names are missing.
    """
    with torch.device("meta"):
        model = MobileSam()
    load_weights(model, read_tensors(path), f"{path.name} is not a valid MobileSAM checkpoint")
    return model
