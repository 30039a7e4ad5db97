"""MobileSAM as a segmenter: what the pipeline and the services load."""

from __future__ import annotations

import torch

from edgeseg.engines.base import EngineOptions, Segmenter
from edgeseg.engines.edge_sam.engine import EdgeSamSegmenter
from edgeseg.engines.mobile_sam.model import read_checkpoint
from edgeseg.engines.sam.base import Decoded
from edgeseg.engines.sam.sam2 import find_checkpoint
from edgeseg.engines.torch.placement import Placement


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

    def candidates(self, logits: torch.Tensor, ious: torch.Tensor, is_ambiguous: bool) -> Decoded:
        """Return the masks to choose from and their predicted IoUs."""
        columns = slice(1, None) if is_ambiguous else slice(1)
        return logits[:, columns], ious[:, columns]
