"""EdgeSAM's prompts, corrections and losses."""

from __future__ import annotations

import pytest
import torch

from edgeseg.engines.edge_sam.prompt_encoder import (
    BOTTOM_RIGHT,
    IGNORED,
    INSIDE,
    OUTSIDE,
    PADDING,
    TOP_LEFT,
)
from training.edge_sam.config import Losses
from training.edge_sam.losses import embedding_loss, mask_ious, mask_losses
from training.edge_sam.prompts import correction, first_prompts

SIDE_PX = 64
EVERYWHERE = torch.ones(1, 1, SIDE_PX, SIDE_PX)


@pytest.fixture
def mask() -> torch.Tensor:
    """(1, 64, 64): a rectangle of 20 x 30 pixels at (8, 4)."""
    made = torch.zeros(1, SIDE_PX, SIDE_PX)
    made[0, 4:34, 8:28] = 1
    return made


def test_a_box_becomes_its_corners_and_a_point_stays_with_padding() -> None:
    boxes = torch.tensor([[8.0, 4.0, 28.0, 34.0], [40.0, 50.0, 41.0, 51.0]])
    points = torch.tensor([[9.0, 9.0], [40.5, 50.5]])
    made = first_prompts(boxes, points, torch.tensor([True, False]), SIDE_PX)
    assert made.labels.tolist() == [[TOP_LEFT, BOTTOM_RIGHT], [INSIDE, PADDING]]
    # 64 pixels of the input are 1024 of the frame.
    assert made.points_xy[0].tolist() == [[128.0, 64.0], [448.0, 544.0]]
    assert made.points_xy[1].tolist() == [[648.0, 808.0], [0.0, 0.0]]


def test_a_missed_pixel_becomes_a_positive_point_and_a_spurious_one_a_negative(
    mask: torch.Tensor,
) -> None:
    target = mask.expand(3, -1, -1)
    nothing, everything = torch.full((SIDE_PX, SIDE_PX), -1.0), torch.ones(SIDE_PX, SIDE_PX)
    right = target[0] * 2 - 1
    place, label = correction(torch.stack([nothing, everything, right]), target)
    assert label.tolist() == [INSIDE, OUTSIDE, IGNORED]
    columns, rows = (place / 16).long().unbind(1)
    assert target[0, rows[0], columns[0]] == 1
    assert target[1, rows[1], columns[1]] == 0


def test_corrections_are_drawn_from_the_whole_disagreement(mask: torch.Tensor) -> None:
    torch.manual_seed(0)
    many = mask.expand(4000, -1, -1)
    place, _ = correction(torch.full((4000, SIDE_PX, SIDE_PX), -1.0), many)
    mean = place.mean(0) / 16
    assert mean[0] == pytest.approx(18.0, abs=0.4)
    assert mean[1] == pytest.approx(19.0, abs=0.6)


def test_corrections_lie_in_the_image_and_few_wrong_pixels_are_ignored(mask: torch.Tensor) -> None:
    inside = torch.zeros(1, SIDE_PX, SIDE_PX)
    inside[0, :6, :14] = 1  # 2 x 6 pixels of the rectangle
    nothing = torch.full_like(mask, -1.0)
    for _ in range(20):
        place, label = correction(nothing, mask, inside)
        assert label.tolist() == [INSIDE]
        assert 8 <= place[0, 0] / 16 < 14
        assert 4 <= place[0, 1] / 16 < 6
    assert correction(nothing, mask, inside, min_px=13)[1].tolist() == [IGNORED]


def test_mask_losses_are_those_of_the_formulas(mask: torch.Tensor) -> None:
    sure = (mask[:, None] * 2 - 1) * 50
    wrong, target = torch.cat([sure, -sure], 1), mask[:, None].expand(1, 2, -1, -1)
    losses = mask_losses(wrong, target, EVERYWHERE, Losses(bce=1, dice=1))[0].tolist()
    assert losses[0] == pytest.approx(0.0, abs=1e-6)
    # 50 for each pixel, and a Dice of 1 - 1 / (total area + 1).
    assert losses[1] == pytest.approx(50 + 1 - 1 / (SIDE_PX**2 + 1), rel=1e-4)
    assert mask_ious(wrong, target)[0].tolist() == [1.0, 0.0]
    half = torch.zeros(1, 1, SIDE_PX, SIDE_PX)
    dice = 1 - (600 + 1) / (SIDE_PX**2 / 2 + 600 + 1)
    both = mask_losses(half, mask[:, None], EVERYWHERE, Losses(bce=2, dice=5))
    assert both.item() == pytest.approx(2 * 0.6931 + 5 * dice, abs=1e-3)
    focal = mask_losses(half, mask[:, None], EVERYWHERE, Losses(bce=0, dice=0, focal=1))
    inside = 600 / SIDE_PX**2
    share = 0.25 * inside + 0.75 * (1 - inside)
    assert focal.item() == pytest.approx(share * 0.25 * 0.6931, abs=1e-4)


def test_padding_counts_in_no_loss(mask: torch.Tensor) -> None:
    inside = EVERYWHERE.clone()
    inside[..., SIDE_PX // 2 :] = 0
    logits = torch.randn(1, 1, SIDE_PX, SIDE_PX)
    other = torch.where(inside > 0, logits, torch.full_like(logits, 9.0))
    weights = Losses(focal=1)
    one, two = (mask_losses(each, mask[:, None], inside, weights) for each in (logits, other))
    assert torch.equal(one, two)
    halves = mask_losses(logits[..., :32], mask[:, None, :, :32], inside[..., :32], weights)
    assert torch.allclose(one, halves)


def test_embeddings_are_compared_where_the_image_is() -> None:
    student, teacher = torch.zeros(1, 256, 4, 4), torch.zeros(1, 256, 4, 4)
    inside = torch.zeros(1, 1, 4, 4)
    inside[..., :2, :] = 1
    inside[..., 2, :] = 0.4
    student[:, :, 2:] = 9
    student[:, :128, 0] = 2
    # Half of the channels of half of the cells are off by 2.
    assert embedding_loss(student, teacher, inside).item() == pytest.approx(1.0)
    inside[..., 2, :] = 0.6
    assert embedding_loss(student, teacher, inside).item() > 20
