"""The convolutional network that the nano detector and the nano segmenter share."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)


M = TypeVar("M", bound=nn.Module)


def channels_last(module: M) -> M:
    """Lay the weights out as convolutions on a CPU read them fastest."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return module


class ConvBN(nn.Sequential):
    """Convolution, batch norm, ReLU: fused into one operator at export."""

    def __init__(self, cin: int, cout: int, k: int = 3, stride: int = 1, act: bool = True) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(cin, cout, k, stride, k // 2, bias=False),
            nn.BatchNorm2d(cout),
        ]
        if act:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class Residual(nn.Module):
    """Two 3x3 convolutions beside an identity."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvBN(c, c), ConvBN(c, c, act=False))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


class Split(nn.Module):
    """Cross-stage block: half the channels pass residual blocks, all are joined again.

    Every intermediate result goes into the join, as in C2f of YOLOv8: short gradient paths
    for little arithmetic.
    """

    def __init__(self, cin: int, cout: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.enter = ConvBN(cin, 2 * hidden, 1)
        self.blocks = nn.ModuleList(Residual(hidden) for _ in range(depth))
        self.join = ConvBN((2 + depth) * hidden, cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).chunk(2, 1))
        for block in self.blocks:
            parts.append(block(parts[-1]))
        return self.join(torch.cat(parts, 1))


class Attention(nn.Module):
    """(B, C, H, W) -> the same: each cell attends to all others, as in a transformer's layer.

    Positions come from a convolution per channel (Chu et al. 2021), so that a map may have any
    size. The layer begins as the identity: it can be put into a trained network.
    """

    def __init__(self, c: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.place = nn.Conv2d(c, c, 3, padding=1, groups=c)
        self.norm, self.norm_inner = nn.LayerNorm(c), nn.LayerNorm(c)
        self.qkv, self.out = nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.inner = nn.Sequential(nn.Linear(c, 3 * c), nn.ReLU(), nn.Linear(3 * c, c))
        for layer in (self.place, self.out, self.inner[2]):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        cells = (x + self.place(x)).flatten(2).transpose(1, 2)
        shape = (b, h * w, 3, self.heads, c // self.heads)
        q, k, v = self.qkv(self.norm(cells)).reshape(shape).permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, h * w, c)
        cells = cells + self.out(attended)
        cells = cells + self.inner(self.norm_inner(cells))
        return cells.transpose(1, 2).reshape(b, c, h, w)


class ContextPool(nn.Module):
    """Three stacked 5x5 max pools: a wide view at the coarsest level (SPPF)."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.enter, self.join = ConvBN(c, c // 2, 1), ConvBN(c * 2, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
        return self.join(torch.cat(parts, 1))


class Backbone(nn.Module):
    """(B, 3, H, W) in [0, 1] -> maps at strides 4, 8, 16, 32; H and W multiples of 32."""

    widths = (48, 96, 192, 288)

    def __init__(self) -> None:
        super().__init__()
        w4, w8, w16, w32 = self.widths
        self.stem = nn.Sequential(ConvBN(3, 24, 3, 2), ConvBN(24, w4, 3, 2))
        self.stage4 = Split(w4, w4, 24, 1)
        self.stage8 = nn.Sequential(ConvBN(w4, w8, 3, 2), Split(w8, w8, 40, 2))
        self.stage16 = nn.Sequential(ConvBN(w8, w16, 3, 2), Split(w16, w16, 80, 3))
        self.stage32 = nn.Sequential(
            ConvBN(w16, w32, 3, 2), Split(w32, w32, 128, 2), ContextPool(w32)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        s4 = self.stage4(self.stem((x - 0.45) * 4.0))
        s8 = self.stage8(s4)
        s16 = self.stage16(s8)
        return s4, s8, s16, self.stage32(s16)


class Pyramid(nn.Module):
    """Top-down, then bottom-up mixing of strides 8, 16, 32 to `width` channels each."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        _, w8, w16, w32 = Backbone.widths
        half = width // 2
        self.reduce = nn.ModuleList(ConvBN(c, width, 1) for c in (w8, w16, w32))
        self.down16, self.down8 = (Split(2 * width, width, half, 1) for _ in range(2))
        self.step16, self.step32 = (ConvBN(width, width, 3, 2) for _ in range(2))
        self.up16, self.up32 = (Split(2 * width, width, half, 1) for _ in range(2))

    def forward(self, s8: Tensor, s16: Tensor, s32: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        p8, p16, p32 = (r(x) for r, x in zip(self.reduce, (s8, s16, s32), strict=True))
        p16 = self.down16(torch.cat([F.interpolate(p32, scale_factor=2.0), p16], 1))
        p8 = self.down8(torch.cat([F.interpolate(p16, scale_factor=2.0), p8], 1))
        p16 = self.up16(torch.cat([self.step16(p8), p16], 1))
        p32 = self.up32(torch.cat([self.step32(p16), p32], 1))
        return p8, p16, p32
