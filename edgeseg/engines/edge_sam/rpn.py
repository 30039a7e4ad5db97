"""A small region proposal network on EdgeSAM's embedding, which turns a click into a box.

Zhou et al., "EdgeSAM", section on the point prompt's ambiguity; BiFPN: Tan et al., "EfficientDet",
CVPR 2020; anchors: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017. The paper leaves
open which maps it reads: here the embedding, so that nothing else of an image has to be kept.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeseg.engines.edge_sam.prompt_encoder import (
    BOTTOM_RIGHT,
    INPUT_PX,
    PADDING,
    TOP_LEFT,
    WIDTH,
)

ClickBox = Literal["merged", "best"]

CHANNELS, REPEATS, LEVELS = 64, 3, 5
# Anchors: four cells wide, three sizes within an octave, three shapes (height to width).
ANCHOR_CELLS = 4.0
SCALES = tuple(2 ** (step / 3) for step in range(3))
RATIOS = (0.5, 1.0, 2.0)
ANCHORS = len(SCALES) * len(RATIOS)
# A new network should find nothing anywhere, since nearly all anchors are background.
PRIOR = 0.01
# Beyond this a box would be a thousand times as large as its anchor.
MAX_LOG_SCALE = math.log(1000 / 16)
MIN_SCORE, NEAREST = 0.1, 5


class SeparableConv(nn.Module):
    """3x3 depthwise and 1x1 convolution, batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS, bias=False)
        self.pointwise = nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False)
        self.norm = nn.BatchNorm2d(CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 64, H, W) to the same shape."""
        return self.norm(self.pointwise(self.depthwise(x)))


class Fusion(nn.Module):
    """A weighted mean of maps of one size (weights not negative), then a convolution."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(inputs))
        self.conv = SeparableConv()

    def forward(self, *maps: Tensor) -> Tensor:
        """Several (B, 64, H, W) to one."""
        weights = self.weights.relu()
        mixed = sum(weight * each for weight, each in zip(weights, maps, strict=True))
        return self.conv(functional.silu(mixed / (weights.sum() + 1e-4)))


class BiFpn(nn.Module):
    """Levels mixed from coarse to fine and back, each of which sees its own input again."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(Fusion(2) for _ in range(LEVELS - 1))
        self.up = nn.ModuleList([*(Fusion(3) for _ in range(LEVELS - 2)), Fusion(2)])

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """(B, 64, H, W) maps, finest first, to maps of the same sizes."""
        inner = list(levels)
        for index in range(LEVELS - 2, -1, -1):
            size = inner[index].shape[-2:]
            coarse = functional.interpolate(inner[index + 1], size, mode="nearest")
            inner[index] = self.down[index](levels[index], coarse)
        mixed = [inner[0]]
        for index in range(1, LEVELS):
            fine = functional.adaptive_max_pool2d(mixed[-1], levels[index].shape[-2:])
            own = [levels[index]] if index == LEVELS - 1 else [levels[index], inner[index]]
            mixed.append(self.up[index - 1](*own, fine))
        return mixed


class Pyramid(nn.Module):
    """Five levels of an embedding, the finest twice as fine, mixed three times."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(WIDTH, CHANNELS, 1)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.stages = nn.ModuleList(BiFpn() for _ in range(REPEATS))

    def forward(self, embedding: Tensor) -> list[Tensor]:
        """(B, 256, G, G) to maps of 2G, G, G / 2, G / 4 and G / 8 cells a side."""
        middle = self.norm(self.enter(embedding))
        fine = functional.interpolate(middle, scale_factor=2.0, mode="bilinear")
        levels = [fine, middle]
        for _ in range(LEVELS - 2):
            levels.append(functional.max_pool2d(levels[-1], 2, ceil_mode=True))
        for stage in self.stages:
            levels = stage(levels)
        return levels


class Rpn(nn.Module):
    """How likely each anchor is an object, and its box.

    Boxes are in pixels of the 1024² frame, x0 y0 x1 y1, whatever the size of the input.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fpn = Pyramid()
        self.tower = nn.ModuleList(SeparableConv() for _ in range(2))
        self.objectness = nn.Conv2d(CHANNELS, ANCHORS, 3, padding=1)
        self.deltas = nn.Conv2d(CHANNELS, 4 * ANCHORS, 3, padding=1)
        for layer in (self.objectness, self.deltas):
            nn.init.normal_(layer.weight, std=0.01)
        nn.init.zeros_(self.deltas.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.objectness.bias, -math.log(1 / PRIOR - 1))  # type: ignore[arg-type]

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 256, G, G) to (B, M) logits, (B, M, 4) deltas and the (M, 4) anchors."""
        logits, deltas, places = [], [], []
        for level in self.fpn(embedding):
            x = level
            for layer in self.tower:
                x = functional.silu(layer(x))
            logits.append(self.objectness(x).permute(0, 2, 3, 1).flatten(1))
            boxes = self.deltas(x).permute(0, 2, 3, 1)
            deltas.append(boxes.reshape(len(boxes), -1, 4))
            places.append(anchors(level.shape[-1], level.device))
        return torch.cat(logits, 1), torch.cat(deltas, 1), torch.cat(places)

    def proposals(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 256, G, G) to (M, 4) boxes in the frame and (M,) scores, in no order."""
        logits, deltas, places = self(embedding)
        return decoded(deltas[0], places).clamp(0, INPUT_PX), logits[0].sigmoid()


def anchors(side: int, device: torch.device | None = None) -> Tensor:
    """(9 side², 4) anchors of a map, by row, column, then size and shape."""
    cell = INPUT_PX / side
    sizes = torch.tensor(
        [
            [scale * ANCHOR_CELLS * cell / ratio**0.5, scale * ANCHOR_CELLS * cell * ratio**0.5]
            for scale in SCALES
            for ratio in RATIOS
        ],
        device=device,
    )
    centres = (torch.arange(side, device=device) + 0.5) * cell
    rows, columns = torch.meshgrid(centres, centres, indexing="ij")
    middle = torch.stack([columns, rows], -1)[:, :, None]
    return torch.cat([middle - sizes / 2, middle + sizes / 2], -1).reshape(-1, 4)


def encoded(boxes_xyxy: Tensor, places: Tensor) -> Tensor:
    """(M, 4) what moves anchors onto boxes: shifts in anchor sizes, logarithms of scales."""
    size, anchor_size = (each[:, 2:] - each[:, :2] for each in (boxes_xyxy, places))
    shift = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:] - places[:, :2] - places[:, 2:]) / 2
    return torch.cat([shift / anchor_size, (size / anchor_size).clamp(min=1e-4).log()], 1)


def decoded(deltas: Tensor, places: Tensor) -> Tensor:
    """(M, 4) boxes of anchors that are moved so; undoes `encoded`."""
    anchor_size = places[:, 2:] - places[:, :2]
    centre = (places[:, :2] + places[:, 2:]) / 2 + deltas[:, :2] * anchor_size
    size = anchor_size * deltas[:, 2:].clamp(max=MAX_LOG_SCALE).exp()
    return torch.cat([centre - size / 2, centre + size / 2], 1)


def box_at(
    boxes_xyxy: Tensor, scores: Tensor, point_xy: Tensor, click_box: ClickBox = "merged"
) -> Tensor | None:
    """(4,) box for a click at (2,), in the frame; None where no proposal holds it.

    Of the (M, 4) proposals that hold the click and have a score of 0.1 or more, the five whose
    centres are nearest count. ``merged`` is their mean, weighted by their (M,) scores, as the paper
    describes it; ``best`` is the one of the highest score, as its published code works.
    """
    inside = (boxes_xyxy[:, :2] <= point_xy) & (point_xy < boxes_xyxy[:, 2:])
    rows = torch.nonzero(inside.all(1) & (scores >= MIN_SCORE))[:, 0]
    if not len(rows):
        return None
    centres = (boxes_xyxy[rows, :2] + boxes_xyxy[rows, 2:]) / 2
    nearest = (centres - point_xy).square().sum(1).argsort(stable=True)[:NEAREST]
    boxes, weights = boxes_xyxy[rows[nearest]], scores[rows[nearest]]
    if click_box == "best":
        return boxes[weights.argmax()]
    return (boxes * weights[:, None]).sum(0) / weights.sum()


def with_click_boxes(
    points_xy: Tensor, labels: Tensor, boxes_xyxy: Tensor, scores: Tensor, click_box: ClickBox
) -> tuple[Tensor, Tensor]:
    """Put the corners of its box in the place of the padding of each of N clicks.

    ``points_xy`` (N, 2, 2) and ``labels`` (N, 2) are clicks with their padding, in the frame. They
    become (N, 3, 2) and (N, 3); where no proposal holds a click both corners are padding.
    """
    places = torch.zeros(len(points_xy), 3, 2, device=points_xy.device)
    kinds = torch.full((len(points_xy), 3), PADDING, device=labels.device)
    places[:, 0], kinds[:, 0] = points_xy[:, 0], labels[:, 0]
    for row, point in enumerate(points_xy[:, 0]):
        box = box_at(boxes_xyxy, scores, point, click_box)
        if box is not None:
            places[row, 1:] = box.reshape(2, 2)
            kinds[row, 1:] = torch.tensor([TOP_LEFT, BOTTOM_RIGHT], device=labels.device)
    return places, kinds
