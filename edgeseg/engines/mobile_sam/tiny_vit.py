"""TinyViT-5M as MobileSAM has it: 1024² pixels to a 256 x 64 x 64 embedding.

Wu et al., "TinyViT: Fast Pretraining Distillation for Small Vision Transformers", ECCV 2022; Zhang
et al., "Faster Segment Anything: Towards Lightweight SAM for Mobile Applications", 2023. Attribute
names are those of published checkpoints.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from edgeseg.engines.edge_sam.layers import ConvNorm, LayerNorm2d
from edgeseg.engines.mobile_sam.window_attention import Attention, windowed

EMBEDDING = 256
WIDTHS = (64, 128, 160, 320)
DEPTHS = (2, 2, 6, 2)
# The first stage is convolutional and has neither heads nor windows.
HEADS = (0, 4, 5, 10)
WINDOWS = (0, 7, 14, 7)
EXPANSION = 4
# The last stage keeps the third one's resolution, for a map of 64² cells.
LAST_STRIDE = 1
CLASSES = 1000


class PatchEmbed(nn.Module):
    """The stem: two convolutions of stride 2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(
            ConvNorm(3, width // 2, 3, stride=2),
            nn.GELU(),
            ConvNorm(width // 2, width, 3, stride=2),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, width, H / 4, W / 4)."""
        return self.seq(pixels)


class MBConv(nn.Module):
    """An inverted bottleneck: expand, mix places depthwise, project, add, activate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = EXPANSION * width
        self.conv1 = ConvNorm(width, inner, 1)
        self.conv2 = ConvNorm(inner, inner, 3, groups=inner)
        self.conv3 = ConvNorm(inner, width, 1)
        nn.init.zeros_(self.conv3.bn.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        inner = functional.gelu(self.conv2(functional.gelu(self.conv1(x))))
        return functional.gelu(x + self.conv3(inner))


class PatchMerging(nn.Module):
    """Changes the width, and with ``stride`` 2 halves the resolution."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(width_in, width, 1)
        self.conv2 = ConvNorm(width, width, 3, stride=stride, groups=width)
        self.conv3 = ConvNorm(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, H, W) to (B, width, H / stride, W / stride)."""
        return self.conv3(functional.gelu(self.conv2(functional.gelu(self.conv1(x)))))


class Mlp(nn.Module):
    """Two linear layers with GELU between them, on normalised channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, EXPANSION * width)
        self.fc2 = nn.Linear(EXPANSION * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to the same shape."""
        return self.fc2(functional.gelu(self.fc1(self.norm(x))))


class TinyVitBlock(nn.Module):
    """Attention within windows, a depthwise convolution across their edges, and an MLP."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.attn = Attention(width, heads, window)
        self.local_conv = ConvNorm(width, width, 3, groups=width)
        self.mlp = Mlp(width)
        self._window = window

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        x = x + windowed(self.attn, x.permute(0, 2, 3, 1), self._window).permute(0, 3, 1, 2)
        cells = self.local_conv(x).permute(0, 2, 3, 1)
        return (cells + self.mlp(cells)).permute(0, 3, 1, 2)


class Stage(nn.Module):
    """Blocks of one width, and the merging into the next stage's."""

    def __init__(self, blocks: list[nn.Module], downsample: PatchMerging | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        # Without one there is none in checkpoints either.
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the next stage's input."""
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class TinyVit(nn.Module):
    """Four stages of 64, 128, 160 and 320 channels, the last two at the same resolution.

    ``norm_head`` and ``head`` classify ImageNet; checkpoints hold them, segmenting needs neither.
    """

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(WIDTHS[0])
        self.layers = nn.ModuleList(_stage(index) for index in range(len(WIDTHS)))
        self.norm_head = nn.LayerNorm(WIDTHS[-1])
        self.head = nn.Linear(WIDTHS[-1], CLASSES)
        self.neck = nn.Sequential(
            nn.Conv2d(WIDTHS[-1], EMBEDDING, 1, bias=False),
            LayerNorm2d(EMBEDDING),
            nn.Conv2d(EMBEDDING, EMBEDDING, 3, padding=1, bias=False),
            LayerNorm2d(EMBEDDING),
        )

    def features(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels to (B, 320, H / 16, W / 16)."""
        x = self.patch_embed(pixels)
        for stage in self.layers:
            x = stage(x)
        return x

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, 1024, 1024) normalised pixels to (B, 256, 64, 64)."""
        return self.neck(self.features(pixels))


def _stage(index: int) -> Stage:
    width = WIDTHS[index]
    blocks: list[nn.Module] = [
        TinyVitBlock(width, HEADS[index], WINDOWS[index]) if index else MBConv(width)
        for _ in range(DEPTHS[index])
    ]
    after = WIDTHS[index + 1] if index + 1 < len(WIDTHS) else None
    if after is None:
        return Stage(blocks, None)
    return Stage(blocks, PatchMerging(width, after, LAST_STRIDE if after == WIDTHS[-1] else 2))
