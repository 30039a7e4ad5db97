"""Losses of the nano detector: task-aligned assignment, quality focal, GIoU, distillation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from training.nano.detector import BINS, Cells, cell_grid, decode_boxes

TOP_K = 10
ALPHA, BETA = 0.5, 4.0


class Targets(NamedTuple):
    """Boxes of a batch, flattened over images."""

    image: Tensor
    """(N,) int64 index into the batch."""
    boxes: Tensor
    """(N, 4) xyxy pixels."""
    column: Tensor
    """(N,) int64 column of the text matrix."""
    weight: Tensor
    """(N,) confidence in the label: 1 for people's, the score for a teacher's."""


def pair_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of boxes whose leading shapes broadcast; last axis xyxy."""
    wh = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(0)
    inter = wh[..., 0] * wh[..., 1]
    area_a = (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
    area_b = (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    return inter / (area_a + area_b - inter).clamp(1e-6)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU of paired boxes (N, 4)."""
    iou = pair_iou(a, b)
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    hull_area = (hull[:, 0] * hull[:, 1]).clamp(1e-6)
    area = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1]) + (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    return iou - (hull_area - area / (1 + iou)) / hull_area


@torch.no_grad()
def assign(
    logits: Tensor, boxes: Tensor, centres: Tensor, targets: Targets
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Choose each box's cells by score^ALPHA * IoU^BETA, TOP_K of those inside it.

    Returns (M,) image, cell and box indices of the positives, and their (M,) quality in [0, 1].
    """
    inside = (
        torch.cat(
            [centres - targets.boxes[:, None, :2], targets.boxes[:, None, 2:] - centres], -1
        ).amin(-1)
        > 0
    )
    n, cell = inside.nonzero(as_tuple=True)
    iou = pair_iou(boxes[targets.image[n], cell], targets.boxes[n])
    score = logits[targets.image[n], cell, targets.column[n]].sigmoid()
    metric = iou.new_zeros(inside.shape).index_put_((n, cell), score**ALPHA * iou**BETA + 1e-9)
    overlap = iou.new_zeros(inside.shape).index_put_((n, cell), iou)
    top, where = metric.topk(min(TOP_K, metric.shape[1]), dim=1)
    chosen = torch.zeros_like(inside).scatter_(1, where, top > 0)
    box, cell = chosen.nonzero(as_tuple=True)
    # A cell that several boxes claim goes to the one it overlaps most.
    claim = overlap[box, cell]
    key = targets.image[box] * metric.shape[1] + cell
    best = claim.new_full((int(key.max()) + 1 if len(key) else 1,), -1.0)
    best.scatter_reduce_(0, key, claim, "amax")
    keep = claim >= best[key]
    box, cell = box[keep], cell[keep]
    m, o = metric[box, cell], overlap[box, cell]
    peak_m = m.new_zeros(len(targets.boxes)).scatter_reduce_(0, box, m, "amax")
    peak_o = o.new_zeros(len(targets.boxes)).scatter_reduce_(0, box, o, "amax")
    quality = m / peak_m[box].clamp(1e-9) * peak_o[box]
    return targets.image[box], cell, box, quality


def detection_loss(
    cells: Cells, logits: Tensor, known: Tensor, targets: Targets, size_hw: tuple[int, int]
) -> dict[str, Tensor]:
    """Classification, box and distribution losses; `known` (B, C) masks unlabelled classes."""
    centres, strides = cell_grid(*size_hw, logits.device)
    logits = logits.float()
    with torch.no_grad():
        boxes = decode_boxes(cells.sides, centres, strides)
    image, cell, box, quality = assign(logits.detach(), boxes, centres, targets)
    # Early boxes overlap nothing: a floor keeps the class signal alive.
    soft = quality.clamp(0.1) * targets.weight[box]
    goal = torch.zeros_like(logits)
    goal[image, cell, targets.column[box]] = soft
    # Varifocal weights: positives by their goal, negatives by how wrong they are.
    focus = logits.detach().sigmoid().square_()
    focus = torch.where(goal > 0, goal, focus).mul_(known[:, None, :])
    bce = F.binary_cross_entropy_with_logits(logits, goal, reduction="none")
    total = soft.sum().clamp(1.0)
    loss_class = (bce * focus).sum() / total
    sides, target_boxes = cells.sides[image, cell].float(), targets.boxes[box]
    predicted = decode_boxes(sides, centres[cell], strides[cell])
    loss_box = ((1 - giou(predicted, target_boxes)) * soft).sum() / total
    centre, stride = centres[cell], strides[cell, None]
    distance = torch.cat([centre - target_boxes[:, :2], target_boxes[:, 2:] - centre], 1) / stride
    distance = distance.clamp(0, BINS - 1.01)
    low = distance.floor().long()
    fraction = distance - low
    log_p = sides.log_softmax(-1)
    pick = log_p.gather(-1, torch.stack([low, low + 1], -1))
    spread = -(pick[..., 0] * (1 - fraction) + pick[..., 1] * fraction).mean(-1)
    loss_spread = (spread * soft).sum() / total
    return {"class": loss_class, "box": loss_box, "spread": loss_spread}


class DenseTargets(NamedTuple):
    """A teacher's answers for all cells of a batch."""

    scores: Tensor
    """(B, L, T) in [0, 1] for T of the text columns."""
    columns: Tensor
    """(T,) int64 text columns."""
    boxes: Tensor
    """(B, L, 4) xyxy pixels."""
    features: list[Tensor]
    """(B, C, S, S) per map: its pyramid, then its backbone."""


def dense_loss(
    cells: Cells, logits: Tensor, adapted: list[Tensor], dense: DenseTargets, side: int
) -> dict[str, Tensor]:
    """Follow a teacher in every cell: its scores, its boxes where it is sure, its features."""
    mine = logits[:, :, dense.columns].float()
    with torch.no_grad():
        focus = (mine.sigmoid() - dense.scores).abs_() + 0.5 * dense.scores
    bce = F.binary_cross_entropy_with_logits(mine, dense.scores, reduction="none")
    loss_scores = (bce * focus).sum() / dense.scores.sum().clamp(10.0)
    sure = dense.scores.amax(-1)
    image, cell = (sure > 0.1).nonzero(as_tuple=True)
    centres, strides = cell_grid(side, side, logits.device)
    predicted = decode_boxes(cells.sides[image, cell].float(), centres[cell], strides[cell])
    weight = sure[image, cell]
    apart = 1 - giou(predicted, dense.boxes[image, cell])
    loss_boxes = (apart * weight).sum() / weight.sum().clamp(1.0)
    losses = []
    for student, target in zip(adapted, dense.features, strict=True):
        spread = target.square().mean().clamp(1e-3)
        losses.append((student.float() - target).square().mean() / spread)
    return {
        "dense": loss_scores,
        "dense_box": loss_boxes,
        "mimic": torch.stack(losses).mean(),
    }
