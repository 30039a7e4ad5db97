"""Layers that the encoder, the prompt encoder and the mask decoder share."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class ConvNorm(nn.Module):
    """A convolution without bias that keeps the size at stride 1, and batch normalisation."""

    def __init__(
        self, width_in: int, width: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.c = nn.Conv2d(width_in, width, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, H, W) to (B, width, H / stride, W / stride)."""
        return self.bn(self.c(x))

    def fused(self) -> nn.Conv2d:
        """The same as one convolution with bias, for inference."""
        conv, norm = self.c, self.bn
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.data / torch.sqrt(norm.running_var + norm.eps)
        fused = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            (conv.kernel_size[0], conv.kernel_size[1]),
            (conv.stride[0], conv.stride[1]),
            (conv.kernel_size[0] // 2, conv.kernel_size[1] // 2),
            groups=conv.groups,
            device=conv.weight.device,
            dtype=conv.weight.dtype,
        )
        assert fused.bias is not None
        fused.weight.data = conv.weight.data * scale[:, None, None, None]
        fused.bias.data = norm.bias.data - norm.running_mean * scale
        return fused


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels at each place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = 1e-6

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        # Squares of half-precision numbers overflow.
        wide = x.float()
        centred = wide - wide.mean(1, keepdim=True)
        normal = centred * torch.rsqrt(centred.square().mean(1, keepdim=True) + self.eps)
        return normal.to(x.dtype) * self.weight[:, None, None] + self.bias[:, None, None]


class Mlp(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """(..., first width) to (..., last width)."""
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)
