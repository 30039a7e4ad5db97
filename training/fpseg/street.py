"""The small network of shipped packs of classes: an encoder, a decoder, a prompt for each class.

Backbone and pyramid are those of the nano detector, from whose weights training starts.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseg.engines.edge_sam.prompt_encoder import PositionEncoding
from edgeseg.engines.fpseg.decoder import ClassDecoder, DecoderSizes
from training.nano.backbone import Attention, Backbone, ConvBN, Pyramid

WIDTH = 96
SIZES = DecoderSizes(WIDTH, heads=6, hidden=256, finer=True)
TOKENS = 8
"""Tokens of a class's prompt."""


class Features(NamedTuple):
    """What the encoder keeps of a photo."""

    image: Tensor
    """(B, 96, H/16, W/16)"""
    middle: Tensor
    """(B, 24, H/8, W/8)"""
    fine: Tensor
    """(B, 12, H/4, W/4)"""


class TopDown(Pyramid):
    """The downward half of the nano detector's pyramid: strides 8 and 16."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__(width)
        del self.step16, self.step32, self.up16, self.up32

    def forward(self, s8: Tensor, s16: Tensor, s32: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """(B, 96, ...) maps at strides 8 and 16."""
        p8, p16, p32 = (r(x) for r, x in zip(self.reduce, (s8, s16, s32), strict=True))
        p16 = self.down16(torch.cat([F.interpolate(p32, scale_factor=2.0), p16], 1))
        p8 = self.down8(torch.cat([F.interpolate(p16, scale_factor=2.0), p8], 1))
        return p8, p16


class Encoder(nn.Module):
    """(B, 3, H, W) in [0, 1] -> `Features`; H and W multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.pyramid = Backbone(), TopDown()
        middle, fine = SIZES.finer_widths
        self.among16 = Attention(WIDTH, 3)
        self.narrow, self.mix4 = ConvBN(WIDTH, 32, 1), ConvBN(Backbone.widths[0] + 32, 32)
        self.to_middle, self.to_fine = nn.Conv2d(WIDTH, middle, 1), nn.Conv2d(32, fine, 1)

    def forward(self, images: Tensor) -> Features:
        s4, s8, s16, s32 = self.backbone(images)
        p8, p16 = self.pyramid(s8, s16, s32)
        up = F.interpolate(self.narrow(p8), scale_factor=2.0)
        m4 = self.mix4(torch.cat([up, s4], 1))
        return Features(self.among16(p16), self.to_middle(p8), self.to_fine(m4))


class ClassNet(nn.Module):
    """Encoder, decoder, and the prompts that are tuned."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), ClassDecoder(SIZES)
        self.places = PositionEncoding(WIDTH)
        self.no_mask = nn.Parameter(torch.zeros(WIDTH))
        self.prompts = nn.Parameter(torch.randn(classes, TOKENS, WIDTH))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, N, H/4, W/4) logits of all classes."""
        maps = self.encoder(images)
        return torch.stack([self.decode(maps, row) for row in range(len(images))])

    def decode(self, maps: Features, row: int = 0) -> Tensor:
        """(N, H/4, W/4) logits of all classes on one photo of a batch."""
        image, middle, fine = (part[row : row + 1] for part in maps)
        places = self.places.grid(*image.shape[-2:])
        image = image + self.no_mask[:, None, None]
        return self.decoder(image, places, self.prompts, (middle, fine))
