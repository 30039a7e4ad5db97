"""The nano segmenter: one encoding per photo, then a mask for each box or set of points.

The decoder works on a crop around the prompt, sampled from the encoder's maps, so that a small
object gets as many mask cells as a large one. A click without a box first reads the box of the
object under it from a dense map of the encoder.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.nano.backbone import Attention, Backbone, ConvBN, Residual, Split

MARGIN = 1.3
"""Sides of the crop relative to the prompt's box."""
COARSE, MIDDLE, FINE = 32, 64, 128
"""Cells along a side of the decoder's three grids; the mask has FINE."""
PROMPT_CHANNELS = 5
"""Box, box certainty, positive points, negative points, previous mask."""


class Maps(NamedTuple):
    """What the encoder keeps of a photo."""

    s8: Tensor
    """(B, 64, H/8, W/8)"""
    s4: Tensor
    """(B, 32, H/4, W/4)"""
    boxes: Tensor
    """(B, 4, H/8, W/8) log distances, in pixels, to the sides of the object at each cell."""


class Encoder(nn.Module):
    """(B, 3, H, W) in [0, 1] -> `Maps`; H and W multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        w4, w8, w16, w32 = Backbone.widths
        self.lateral32, self.lateral16 = ConvBN(w32, 96, 1), ConvBN(w16, 96, 1)
        self.lateral8, self.lateral4 = ConvBN(w8, 64, 1), ConvBN(w4, 32, 1)
        self.mix16, self.mix8 = Split(192, 96, 48, 1), Split(160, 64, 32, 1)
        self.among16 = nn.Sequential(Attention(96, 3), Attention(96, 3))
        self.narrow, self.mix4 = ConvBN(64, 32, 1), ConvBN(64, 32)
        sides = nn.Conv2d(64, 4, 1)
        nn.init.constant_(cast(Tensor, sides.bias), 3.5)
        self.box_tower = nn.Sequential(ConvBN(64, 64), ConvBN(64, 64), sides)

    def forward(self, images: Tensor) -> Maps:
        s4, s8, s16, s32 = self.backbone(images)
        up = F.interpolate(self.lateral32(s32), scale_factor=2.0)
        m16 = self.among16(self.mix16(torch.cat([up, self.lateral16(s16)], 1)))
        up = F.interpolate(m16, scale_factor=2.0)
        m8 = self.mix8(torch.cat([up, self.lateral8(s8)], 1))
        up = F.interpolate(self.narrow(m8), scale_factor=2.0)
        m4 = self.mix4(torch.cat([up, self.lateral4(s4)], 1))
        return Maps(m8, m4, self.box_tower(m8))


def crop_grid(crops: Tensor, cells: int, size_hw: tuple[int, int] | Tensor) -> Tensor:
    """(N, cells, cells, 2) sampling positions in [-1, 1] of N xyxy crops in image pixels."""
    ticks = (torch.arange(cells, device=crops.device) + 0.5) / cells
    x = crops[:, 0:1] + (crops[:, 2:3] - crops[:, 0:1]) * ticks
    y = crops[:, 1:2] + (crops[:, 3:4] - crops[:, 1:2]) * ticks
    height, width = size_hw[0], size_hw[1]
    x, y = x / width * 2 - 1, y / height * 2 - 1
    n = x.shape[0]
    x, y = x[:, None, :].expand(n, cells, cells), y[:, :, None].expand(n, cells, cells)
    return torch.stack([x, y], -1)


def sample(maps: Tensor, grid: Tensor) -> Tensor:
    """(B * K, C, S, S) crops of (B, C, H, W) maps at a (B * K, S, S, 2) grid, zero outside."""
    b, s = maps.shape[0], grid.shape[1]
    tall = grid.reshape(b, -1, s, 2)
    out = F.grid_sample(maps, tall, align_corners=False)
    c = out.shape[1]
    return out.reshape(b, c, -1, s, s).transpose(1, 2).reshape(-1, c, s, s)


def expand_boxes(boxes: Tensor, margin: float = MARGIN) -> Tensor:
    """Crops round (N, 4) xyxy boxes: `margin` times as wide and high, about the same centre."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).clamp(4.0) * (margin / 2)
    return torch.cat([centre - half, centre + half], 1)


class Decoder(nn.Module):
    """Crops of the encoder's maps and prompt channels -> mask logits and predicted IoU."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = ConvBN(64 + PROMPT_CHANNELS, 64, 1)
        self.blocks = nn.ModuleList(Residual(64) for _ in range(3))
        self.context = nn.Linear(64, 64)
        self.among = nn.Sequential(ConvBN(64, 128, 3, 2), Attention(128, 4), Attention(128, 4))
        self.spread = nn.Conv2d(128, 64, 1)
        nn.init.zeros_(self.spread.weight)
        nn.init.zeros_(cast(Tensor, self.spread.bias))
        self.narrow = ConvBN(64, 32, 1)
        self.middle = nn.Sequential(ConvBN(64 + PROMPT_CHANNELS, 32), ConvBN(32, 32))
        self.logit = nn.Conv2d(32, 1, 1)
        self.thin = ConvBN(32, 12, 1)
        self.fine = nn.Sequential(ConvBN(12 + 4, 12), nn.Conv2d(12, 1, 3, padding=1))
        self.quality = nn.Sequential(nn.Linear(64 + 32, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, s8: Tensor, s4: Tensor, rgb: Tensor, prompt: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 64, 32, 32), (N, 32, 64, 64), (N, 3, 128, 128), (N, 5, 64, 64) ->

        (N, 1, 128, 128) mask logits and (N,) logits of the predicted IoU.
        """
        x = self.enter(torch.cat([s8, F.avg_pool2d(prompt, 2)], 1))
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i == 1:
                x = x + self.context(x.mean((2, 3)))[:, :, None, None]
                x = x + F.interpolate(self.spread(self.among(x)), scale_factor=2.0)
        up = F.interpolate(self.narrow(x), scale_factor=2.0, mode="bilinear")
        y = self.middle(torch.cat([up, s4, prompt], 1))
        coarse = F.interpolate(self.logit(y), scale_factor=2.0, mode="bilinear")
        thin = F.interpolate(self.thin(y), scale_factor=2.0, mode="bilinear")
        logits = coarse + self.fine(torch.cat([thin, coarse * 0.1, rgb - 0.45], 1))
        quality = self.quality(torch.cat([x.mean((2, 3)), y.mean((2, 3))], 1))
        return logits, quality[:, 0]


class Segmenter(nn.Module):
    """Encoder and decoder, joined by sampling."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def decode(
        self, maps: Maps, images: Tensor, crops: Tensor, prompt: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Masks of (B * K, 4) xyxy crops, K per image, in pixels of `images`."""
        size_hw = (images.shape[2], images.shape[3])
        s8 = sample(maps.s8, crop_grid(crops, COARSE, size_hw).to(maps.s8.dtype))
        s4 = sample(maps.s4, crop_grid(crops, MIDDLE, size_hw).to(maps.s4.dtype))
        rgb = sample(images, crop_grid(crops, FINE, size_hw))
        # Sampling undoes the layout that convolutions read fastest.
        parts = (x.contiguous(memory_format=torch.channels_last) for x in (s8, s4, rgb, prompt))
        logits, quality = self.decoder(*parts)
        return logits, quality


def boxes_at(maps: Maps, points: Tensor) -> Tensor:
    """(B, K, 4) boxes of the objects under (B, K, 2) points in pixels (x, y)."""
    b, k = points.shape[:2]
    height, width = maps.boxes.shape[2] * 8, maps.boxes.shape[3] * 8
    scale = torch.tensor([width, height], device=points.device, dtype=torch.float32)
    grid = (points / scale * 2 - 1)[:, :, None]
    raw = F.grid_sample(maps.boxes.float(), grid, align_corners=False, padding_mode="border")
    distances = raw[..., 0].transpose(1, 2).clamp(-2, 7).exp()
    return torch.cat([points - distances[..., :2], points + distances[..., 2:]], -1).reshape(
        b, k, 4
    )


class ExportDecoder(nn.Module):
    """What is shipped beside the encoder: maps of one photo, crops and prompts -> masks."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self, s8: Tensor, s4: Tensor, image: Tensor, crops: Tensor, prompt: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(1, 64, h, w), (1, 32, 2h, 2w), (1, 3, H, W), (N, 4) in [0, 1] of the padded photo,
        (N, 5, 64, 64) -> (N, 128, 128) logits, (N,) predicted IoU in [0, 1]."""
        one = (1, 1)
        logits, quality = self.decoder(
            sample(s8, crop_grid(crops, COARSE, one)),
            sample(s4, crop_grid(crops, MIDDLE, one)),
            sample(image, crop_grid(crops, FINE, one)),
            prompt,
        )
        return logits[:, 0], quality.sigmoid()
