"""MobileSAM as a segmenter: what the pipeline and the services load."""

from __future__ import annotations

from typing import ClassVar

import torch

from edgeseg.engines.base import EngineOptions, Segmenter
from edgeseg.engines.edge_sam.engine import EdgeSamSegmenter
from edgeseg.engines.mobile_sam.model import read_checkpoint
from edgeseg.engines.sam.sam2 import find_checkpoint
from edgeseg.engines.torch.placement import Placement
from edgeseg.types import MaskCount


def load(options: EngineOptions) -> Segmenter:
    """Build the segmenter from a checkpoint, or a folder with one."""
    model = read_checkpoint(find_checkpoint(options.weights[0]))
    return MobileSamSegmenter(options.name, model, Placement.from_options(options)).prepared(
        options
    )


class MobileSamSegmenter(EdgeSamSegmenter):
    """Masks for boxes and points by MobileSAM, whose decoder is SAM's own.

    A single click could mean a part or the whole: of the three masks for such prompts the one of
    the highest predicted IoU is taken. Scores are predicted IoUs.
    """

    ambiguous_count: ClassVar[MaskCount] = 3

    def scores(self, logits: torch.Tensor, ious: torch.Tensor) -> torch.Tensor:
        """Return the predicted IoUs."""
        return ious
