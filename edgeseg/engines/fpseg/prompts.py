"""FPSeg's prompt encoder: a few learned tokens for each class, and where the cells of an image are.

Attribute names are those of its checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgeseg.engines.edge_sam.prompt_encoder import WIDTH, PositionEncoding


class ClassPrompts(nn.Module):
    """Learned prompts in the place of clicks."""

    def __init__(self, classes: int, tokens: int, width: int = WIDTH) -> None:
        super().__init__()
        self.prompt_embeddings = nn.Parameter(torch.randn(classes, tokens, width))
        self.pe_layer = PositionEncoding(width)
        self.no_mask_embed = nn.Embedding(1, width)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, tokens of a class, channels of a token."""
        classes, tokens, width = self.prompt_embeddings.shape
        return classes, tokens, width

    def dense(self, image: Tensor) -> Tensor:
        """Add to a (B, C, h, w) embedding that no mask was given before."""
        return image + self.no_mask_embed.weight.reshape(1, -1, 1, 1)
