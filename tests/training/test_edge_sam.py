"""EdgeSAM's prompts, corrections and losses, and a few steps of its training."""

from __future__ import annotations

from pathlib import Path

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
from training.common.data import PhotoSet
from training.edge_sam.losses import mask_ious, mask_losses
from training.edge_sam.prompts import correction, first_prompts
from training.edge_sam.train import EdgeSamTrainer, ViewStream

SIDE_PX = 64


@pytest.fixture
def masks() -> torch.Tensor:
    """(2, 64, 64): a rectangle of 20 x 30 pixels at (8, 4), and one pixel at (40, 50)."""
    made = torch.zeros(2, SIDE_PX, SIDE_PX)
    made[0, 4:34, 8:28] = 1
    made[1, 50, 40] = 1
    return made


def test_a_box_becomes_its_corners_and_a_point_lies_inside(masks: torch.Tensor) -> None:
    boxes = torch.tensor([[8.0, 4.0, 28.0, 34.0], [40.0, 50.0, 41.0, 51.0]])
    made = first_prompts(masks, boxes, torch.tensor([True, False]))
    assert made.labels.tolist() == [[TOP_LEFT, BOTTOM_RIGHT], [INSIDE, PADDING]]
    # 64 pixels of the input are 1024 of the frame.
    assert made.points_xy[0].tolist() == [[128.0, 64.0], [448.0, 544.0]]
    assert made.points_xy[1].tolist() == [[648.0, 808.0], [0.0, 0.0]]


def test_a_missed_pixel_becomes_a_positive_point_and_a_spurious_one_a_negative(
    masks: torch.Tensor,
) -> None:
    target = masks[:1].expand(3, -1, -1)
    nothing, everything = torch.full((SIDE_PX, SIDE_PX), -1.0), torch.ones(SIDE_PX, SIDE_PX)
    right = target[0] * 2 - 1
    place, label = correction(torch.stack([nothing, everything, right]), target)
    assert label.tolist() == [INSIDE, OUTSIDE, IGNORED]
    columns, rows = (place / 16).long().unbind(1)
    assert target[0, rows[0], columns[0]] == 1
    assert target[1, rows[1], columns[1]] == 0


def test_corrections_are_drawn_from_the_whole_disagreement(masks: torch.Tensor) -> None:
    torch.manual_seed(0)
    many = masks[:1].expand(4000, -1, -1)
    place, _ = correction(torch.full((4000, SIDE_PX, SIDE_PX), -1.0), many)
    mean = place.mean(0) / 16
    assert mean[0] == pytest.approx(18.0, abs=0.4)
    assert mean[1] == pytest.approx(19.0, abs=0.6)


def test_losses_are_those_of_the_formulas(masks: torch.Tensor) -> None:
    target = masks[:1, :, :]
    sure = (target[:, None] * 2 - 1) * 50
    wrong = torch.cat([sure, -sure], 1)
    losses = mask_losses(wrong, target)[0].tolist()
    assert losses[0] == pytest.approx(0.0, abs=1e-6)
    # 50 for each pixel, and a Dice of 1 - 1 / (total area + 1).
    assert losses[1] == pytest.approx(50 + 1 - 1 / (SIDE_PX**2 + 1), rel=1e-4)
    assert mask_ious(wrong, target)[0].tolist() == [1.0, 0.0]
    half = torch.zeros(1, 1, SIDE_PX, SIDE_PX)
    expected = 1 - (600 + 1) / (SIDE_PX**2 / 2 + 600 + 1)
    assert mask_losses(half, target).item() == pytest.approx(0.6931 + expected, abs=1e-3)


def test_it_learns_and_resumes(photos: PhotoSet, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    batch = next(iter(ViewStream(photos, SIDE_PX, 2, 2)))
    trainer = EdgeSamTrainer(tmp_path / "edge_sam.pt", rate=1e-3)
    trainer.steps = 300  # past the warm-up
    history = [trainer.step(batch, 0.0) for _ in range(12)]
    assert set(history[0]) == {
        "_box", "_point", "_click1", "mask0", "mask1", "iou0", "iou1",
    }  # fmt: skip
    first, last = (sum(row["mask0"] + row["mask1"] for row in part) for part in
                   (history[:3], history[-3:]))  # fmt: skip
    assert last < 0.95 * first
    trainer.save()
    again = EdgeSamTrainer(tmp_path / "edge_sam.pt", rate=1e-3)
    assert again.steps == trainer.steps
    for name, weight in again.student.state_dict().items():
        assert torch.equal(weight, trainer.student.state_dict()[name]), name
