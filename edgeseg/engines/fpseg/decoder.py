"""FPSeg's mask decoder: SAM's with one mask token, and prompts of classes in place of clicks.

Krabbe et al., "FPSeg: Flexible Promptable Semantic Segmentation for Edge Devices", ISCAS 2024.
Attribute names are those of its checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgeseg.engines.edge_sam.layers import LayerNorm2d, Mlp
from edgeseg.engines.edge_sam.mask_decoder import TwoWayTransformer


@dataclass(frozen=True)
class DecoderSizes:
    """Channels of the embedding and of its two finer maps, heads and hidden channels.

    SAM's encoders have no finer maps: ``finer`` says whether they are added while the mask is
    enlarged, as SAM 2 does.
    """

    width: int = 256
    heads: int = 8
    hidden: int = 2048
    finer: bool = False

    @property
    def finer_widths(self) -> tuple[int, int]:
        """Channels at twice and at four times the embedding's size."""
        return self.width // 4, self.width // 8


class ClassDecoder(nn.Module):
    """One mask for each class's prompt."""

    def __init__(self, sizes: DecoderSizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes or DecoderSizes()
        width, (middle, fine) = self.sizes.width, self.sizes.finer_widths
        self.transformer = TwoWayTransformer(width, self.sizes.heads, self.sizes.hidden)
        self.mask_tokens = nn.Embedding(1, width)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(width, middle, 2, 2),
            LayerNorm2d(middle),
            nn.GELU(),
            nn.ConvTranspose2d(middle, fine, 2, 2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList([Mlp(width, width, width, fine)])

    def forward(
        self, image: Tensor, places: Tensor, prompts: Tensor, finer: tuple[Tensor, ...] = ()
    ) -> Tensor:
        """Decode N classes on one embedding.

        Takes the (1, C, h, w) embedding and the encoding of its places, (N, T, C) prompts, and
        the finer maps (1, C / 4, 2h, 2w) and (1, C / 8, 4h, 4w) where the encoder makes them.
        Returns (N, 4h, 4w) logits.
        """
        own = self.mask_tokens.weight.expand(prompts.shape[0], -1, -1)
        height, width = image.shape[-2:]
        tokens, mixed = self.transformer(
            image.flatten(2).transpose(1, 2),
            places.flatten(2).transpose(1, 2),
            torch.cat([own, prompts], dim=1),
        )
        fine = self._enlarged(mixed.transpose(1, 2).unflatten(2, (height, width)), finer)
        kernels = self.output_hypernetworks_mlps[0](tokens[:, 0])
        return (kernels[:, None] @ fine.flatten(2)).unflatten(2, fine.shape[-2:])[:, 0]

    def _enlarged(self, mixed: Tensor, finer: tuple[Tensor, ...]) -> Tensor:
        if not finer:
            return self.output_upscaling(mixed)
        first, norm, activation, second, last = self.output_upscaling
        middle = activation(norm(first(mixed) + finer[0]))
        return last(second(middle) + finer[1])
