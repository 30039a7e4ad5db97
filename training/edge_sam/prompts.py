"""Prompts of one iteration and the corrections of the next, for N masks at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edgeseg.engines.edge_sam.prompt_encoder import (
    BOTTOM_RIGHT,
    IGNORED,
    INPUT_PX,
    INSIDE,
    OUTSIDE,
    PADDING,
    TOP_LEFT,
)

# With fewer pixels to correct, a further click would teach nothing.
MIN_DISAGREEMENT_PX = 10


@dataclass(frozen=True)
class Prompts:
    """N prompts of P points each, in pixels of the 1024² frame."""

    points_xy: Tensor
    """(N, P, 2) float."""
    labels: Tensor
    """(N, P) int64, as `PromptEncoder.sparse` takes them."""

    def with_point(self, point_xy: Tensor, label: Tensor) -> Prompts:
        """Return the prompts with one more point each: (N, 2) and (N,)."""
        return Prompts(
            torch.cat([self.points_xy, point_xy[:, None]], 1),
            torch.cat([self.labels, label[:, None]], 1),
        )


def first_prompts(boxes_xyxy: Tensor, points_xy: Tensor, by_box: Tensor, size_px: int) -> Prompts:
    """A box or a point for each of N objects.

    ``boxes_xyxy`` (N, 4) and ``points_xy`` (N, 2) are in pixels of an input of ``size_px`` a side;
    ``by_box`` (N,) is true where the box is given. Both kinds take two tokens: a box its corners, a
    point itself and the padding that stands where no box is.
    """
    scale = INPUT_PX / size_px
    corners = boxes_xyxy.reshape(-1, 2, 2) * scale
    points = torch.stack([points_xy * scale, torch.zeros_like(points_xy)], 1)
    corner_labels = _labels(boxes_xyxy, TOP_LEFT, BOTTOM_RIGHT)
    point_labels = _labels(boxes_xyxy, INSIDE, PADDING)
    return Prompts(
        torch.where(by_box[:, None, None], corners, points),
        torch.where(by_box[:, None], corner_labels, point_labels),
    )


def correction(
    logits: Tensor, target: Tensor, inside: Tensor | None = None, min_px: int = MIN_DISAGREEMENT_PX
) -> tuple[Tensor, Tensor]:
    """One point per mask from where prediction and target differ: (N, 2) places, (N,) labels.

    ``logits`` and ``target`` are (N, S, S), and so is ``inside``, whose zeros are padding. A missed
    pixel becomes a positive point and a spurious one a negative; each disagreeing pixel is as
    likely as any other. Where fewer than ``min_px`` differ the label is -2, which the prompt
    encoder ignores.
    """
    wrong = (logits > 0) != (target > 0.5)
    if inside is not None:
        wrong = wrong & (inside > 0.5)
    place = sample_pixel(wrong)
    side = logits.shape[-1]
    columns, rows = place.long().unbind(1)
    missed = target.flatten(1).gather(1, (rows * side + columns)[:, None])[:, 0] > 0.5
    label = torch.where(missed, INSIDE, OUTSIDE)
    few = wrong.flatten(1).sum(1) < min_px
    return place * (INPUT_PX / side), torch.where(few, IGNORED, label)


def sample_pixel(where: Tensor) -> Tensor:
    """(N, 2) centres of uniformly drawn true pixels of (N, S, S), any pixel where none is true."""
    noise = torch.rand(where.shape, device=where.device)
    choice = (noise + where).flatten(1).argmax(1)
    side = where.shape[-1]
    return torch.stack([choice % side + 0.5, choice // side + 0.5], 1)


def _labels(like: Tensor, first: int, second: int) -> Tensor:
    """(N, 2) int64: the same two labels for each of N objects."""
    return torch.tensor([first, second], device=like.device).expand(len(like), 2)
