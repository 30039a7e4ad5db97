"""The image encoder: RepViT-M1 with a two-level feature pyramid, 1024² pixels to 256 x 64 x 64.

RepViT: Wang et al., "RepViT: Revisiting Mobile CNN From ViT Perspective", CVPR 2024. Attribute
names are those of published checkpoints.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from edgeseg.engines.edge_sam.layers import ConvNorm, LayerNorm2d

STEM = (24, 48)
# Width and number of blocks of each stage, and which blocks weigh their channels (from 0).
STAGES: tuple[tuple[int, int, frozenset[int]], ...] = (
    (48, 3, frozenset({0})),
    (96, 4, frozenset({1})),
    (192, 16, frozenset(range(1, 14, 2))),
    (384, 3, frozenset({1})),
)
EMBEDDING = 256
_DIVISOR = 8


def divisible(channels: float) -> int:
    """Return the nearest multiple of eight, at least eight: 12 becomes 16, 23 becomes 24."""
    return max(_DIVISOR, int(channels + _DIVISOR / 2) // _DIVISOR * _DIVISOR)


class SqueezeExcite(nn.Module):
    """Weighs channels by what the whole map holds, through a quarter as many channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = divisible(channels / 4)
        self.fc1 = nn.Conv2d(channels, inner, 1)
        self.fc2 = nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        pooled = x.mean((2, 3), keepdim=True)
        return x * self.fc2(functional.relu(self.fc1(pooled))).sigmoid()


class DepthwiseMixer(nn.Module):
    """3x3 and 1x1 depthwise convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = ConvNorm(channels, channels, 3, groups=channels)
        self.conv1 = ConvNorm(channels, channels, 1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return self.conv(x) + self.conv1(x) + x

    def fused(self) -> nn.Conv2d:
        """The same as one 3x3 convolution, for inference."""
        conv, small = self.conv.fused(), self.conv1.fused()
        assert conv.bias is not None
        assert small.bias is not None
        conv.weight.data += functional.pad(small.weight.data + 1, (1, 1, 1, 1))
        conv.bias.data += small.bias.data
        return conv


class ChannelMixer(nn.Module):
    """Expands channels twofold and back, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = ConvNorm(2 * channels, channels, 1)
        nn.init.zeros_(last.bn.weight)
        self.m = nn.Sequential(ConvNorm(channels, 2 * channels, 1), nn.GELU(), last)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x + self.m(x)


class Block(nn.Module):
    """Mixes places, then channels; one that changes the width halves the resolution too."""

    def __init__(self, width_in: int, width: int, weighs: bool) -> None:
        super().__init__()
        squeeze = SqueezeExcite(width_in) if weighs else nn.Identity()
        if width_in == width:
            self.token_mixer = nn.Sequential(DepthwiseMixer(width), squeeze)
        else:
            down = ConvNorm(width_in, width_in, 3, stride=2, groups=width_in)
            self.token_mixer = nn.Sequential(down, squeeze, ConvNorm(width_in, width, 1))
        self.channel_mixer = ChannelMixer(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, H, W) to (B, width, H, W), or half of that H and W."""
        return self.channel_mixer(self.token_mixer(x))


class Upsampled(nn.Module):
    """A 1x1 convolution, then twice the resolution; bilinear for runtimes without bicubic."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.op_list = nn.Sequential(nn.Conv2d(width_in, width, 1, bias=False))
        self.mode = "bicubic"

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, H, W) to (B, width, 2H, 2W)."""
        return functional.interpolate(
            self.op_list(x), scale_factor=2, mode=self.mode, align_corners=False
        )


class ImageEncoder(nn.Module):
    """RepViT-M1's last two stages, summed and smoothed; ``width`` times as many channels."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        first, channels = (divisible(each * width) for each in STEM)
        ends: list[int] = []
        stem = nn.Sequential(
            ConvNorm(3, first, 3, stride=2), nn.GELU(), ConvNorm(first, channels, 3, stride=2)
        )
        self.features = nn.ModuleList([stem])
        widths = [divisible(stage * width) for stage, _, _ in STAGES]
        for after, (_, blocks, weighing) in zip(widths, STAGES, strict=True):
            for index in range(blocks):
                self.features.append(Block(channels, after, index in weighing))
                channels = after
            ends.append(len(self.features) - 1)
        self._fine_end = ends[2]
        self.fuse_stage2 = nn.Conv2d(widths[2], EMBEDDING, 1, bias=False)
        self.fuse_stage3 = Upsampled(widths[3], EMBEDDING)
        self.neck = nn.Sequential(
            nn.Conv2d(EMBEDDING, EMBEDDING, 1, bias=False),
            LayerNorm2d(EMBEDDING),
            nn.Conv2d(EMBEDDING, EMBEDDING, 3, padding=1, bias=False),
            LayerNorm2d(EMBEDDING),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, 1024, 1024) normalised pixels to (B, 256, 64, 64)."""
        x, fine = pixels, pixels
        for index, block in enumerate(self.features):
            x = block(x)
            if index == self._fine_end:
                fine = x
        return self.neck(self.fuse_stage2(fine) + self.fuse_stage3(x))
