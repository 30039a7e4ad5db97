"""The small network of the shipped packs of classes: an encoder of streets and its decoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseg.engines.edge_sam.prompt_encoder import PositionEncoding
from edgeseg.engines.fpseg.decoder import ClassDecoder, DecoderSizes
from training.nano.backbone import Attention, Backbone, ConvBN, Split

WIDTH = 96
SIZES = DecoderSizes(WIDTH, heads=6, hidden=384, finer=True)


class Features(NamedTuple):
    """What the encoder keeps of a photo: maps at strides 16, 8 and 4."""

    image: Tensor
    """(B, 96, H/16, W/16)"""
    middle: Tensor
    """(B, 24, H/8, W/8)"""
    fine: Tensor
    """(B, 12, H/4, W/4)"""


class Encoder(nn.Module):
    """(B, 3, H, W) in [0, 1] -> `Features`; H and W multiples of 32.

    Its layers are those of the nano segmenter's encoder, from whose weights it starts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        w4, w8, w16, w32 = Backbone.widths
        middle, fine = SIZES.finer_widths
        self.lateral32, self.lateral16 = ConvBN(w32, WIDTH, 1), ConvBN(w16, WIDTH, 1)
        self.lateral8, self.lateral4 = ConvBN(w8, 64, 1), ConvBN(w4, 32, 1)
        self.mix16, self.mix8 = Split(2 * WIDTH, WIDTH, 48, 1), Split(160, 64, 32, 1)
        self.among16 = nn.Sequential(Attention(WIDTH, 3), Attention(WIDTH, 3))
        self.narrow, self.mix4 = ConvBN(64, 32, 1), ConvBN(64, 32)
        self.to_middle, self.to_fine = nn.Conv2d(64, middle, 1), nn.Conv2d(32, fine, 1)

    def forward(self, images: Tensor) -> Features:
        s4, s8, s16, s32 = self.backbone(images)
        up = F.interpolate(self.lateral32(s32), scale_factor=2.0)
        m16 = self.among16(self.mix16(torch.cat([up, self.lateral16(s16)], 1)))
        up = F.interpolate(m16, scale_factor=2.0)
        m8 = self.mix8(torch.cat([up, self.lateral8(s8)], 1))
        up = F.interpolate(self.narrow(m8), scale_factor=2.0)
        m4 = self.mix4(torch.cat([up, self.lateral4(s4)], 1))
        return Features(m16, self.to_middle(m8), self.to_fine(m4))


class Classes(nn.Module):
    """Encoder, decoder, and the prompts that are tuned, one for each class."""

    def __init__(self, classes: int, tokens: int = 16) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), ClassDecoder(SIZES)
        self.places = PositionEncoding(WIDTH)
        self.no_mask = nn.Parameter(torch.zeros(WIDTH))
        self.prompts = nn.Parameter(torch.randn(classes, tokens, WIDTH))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, N, H/4, W/4) logits of all classes."""
        return torch.stack(
            [self.decode([part[row : row + 1] for part in maps]) for row in range(len(images))]
        ) if (maps := self.encoder(images)) else images

    def decode(self, maps: list[Tensor]) -> Tensor:
        """(N, H/4, W/4) logits of one photo's maps."""
        image, middle, fine = maps
        places = self.places.grid(*image.shape[-2:])
        image = image + self.no_mask[:, None, None]
        return self.decoder(image, places, self.prompts, (middle, fine))
