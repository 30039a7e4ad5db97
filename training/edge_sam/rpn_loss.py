"""Phase 3: proposals learn the annotated boxes, with focal loss and Huber loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from edgeseg.engines.edge_sam.prompt_encoder import INPUT_PX
from edgeseg.engines.edge_sam.rpn import encoded
from training.edge_sam.losses import FOCAL_ALPHA, FOCAL_GAMMA

# Anchors that overlap a box so far are its own, and those below the second none at all.
OWN, NONE = 0.5, 0.4
HUBER_DELTA = 0.1


def box_ious(one: Tensor, other: Tensor) -> Tensor:
    """(N, M) IoUs of (N, 4) and (M, 4) boxes, x0 y0 x1 y1."""
    low = torch.maximum(one[:, None, :2], other[None, :, :2])
    high = torch.minimum(one[:, None, 2:], other[None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(2)
    areas = [(each[:, 2:] - each[:, :2]).clamp(min=0).prod(1) for each in (one, other)]
    union = areas[0][:, None] + areas[1][None] - overlap
    return overlap / union.clamp(min=1e-6)


def assigned(boxes_xyxy: Tensor, anchors: Tensor) -> tuple[Tensor, Tensor]:
    """For M anchors, whether each is an object and which of N boxes it has.

    The first (M,) is 1 for an object, 0 for background and -1 for what is neither: an overlap of
    0.4 to 0.5 is not counted. The best anchor of a box is its own, however little it overlaps.
    """
    if not len(boxes_xyxy):
        zeros = torch.zeros(len(anchors), device=anchors.device)
        return zeros, zeros.long()
    overlaps = box_ious(boxes_xyxy, anchors)
    best, owner = overlaps.max(0)
    kind = torch.where(best >= OWN, 1.0, torch.where(best < NONE, 0.0, -1.0))
    favourite = overlaps.argmax(1)
    kind[favourite] = 1.0
    owner[favourite] = torch.arange(len(boxes_xyxy), device=owner.device)
    return kind, owner


def proposal_losses(
    logits: Tensor, deltas: Tensor, anchors: Tensor, boxes: list[Tensor]
) -> dict[str, Tensor]:
    """Focal loss of (B, M) logits and Huber loss of (B, M, 4) deltas, per own anchor.

    ``boxes`` are (N, 4) in the frame of each image. Anchors that leave the frame, as into padding,
    count too: objects at the rim are theirs.
    """
    focal, huber, own = logits.sum() * 0, logits.sum() * 0, 0
    for row, of_image in enumerate(boxes):
        kind, owner = assigned(of_image, anchors)
        counted, objects = kind >= 0, kind == 1
        focal = focal + _focal(logits[row][counted], kind[counted])
        if len(of_image):
            goal = encoded(of_image[owner[objects]], anchors[objects])
            apart = functional.huber_loss(
                deltas[row][objects], goal, reduction="sum", delta=HUBER_DELTA
            )
            huber = huber + apart / HUBER_DELTA
        own += int(objects.sum())
    return {"objectness": focal / max(1, own), "boxes": huber / max(1, 4 * own)}


def in_frame(boxes_xyxy: Tensor, size_px: int) -> Tensor:
    """(N, 4) boxes of an input of ``size_px`` pixels a side, in the frame of 1024."""
    return boxes_xyxy * (INPUT_PX / size_px)


def _focal(logits: Tensor, goal: Tensor) -> Tensor:
    entropy = functional.binary_cross_entropy_with_logits(logits, goal, reduction="none")
    alpha = torch.where(goal > 0, FOCAL_ALPHA, 1 - FOCAL_ALPHA)
    return (alpha * (1 - torch.exp(-entropy)) ** FOCAL_GAMMA * entropy).sum()
