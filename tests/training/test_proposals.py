"""Phase 3: anchors get their boxes, and proposals learn where objects are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from edgeseg.engines.edge_sam import EdgeSam
from edgeseg.engines.edge_sam.model import read_checkpoint
from edgeseg.errors import InvalidParameterError
from tests.training.distillation import WORLD, small
from training.common.logs import read_log
from training.edge_sam.config import load
from training.edge_sam.optimisation import learning_rate
from training.edge_sam.rpn_loss import assigned, box_ious, in_frame, proposal_losses
from training.edge_sam.run import train
from training.edge_sam.trainer import BEST, LAST

ANCHORS = torch.tensor(
    [[0.0, 0, 10, 10], [0, 0, 10, 22], [0, 0, 10, 23.5], [100, 100, 200, 200], [50, 50, 60, 60]]
)


def test_anchors_get_the_boxes_that_they_overlap() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [190, 190, 400, 400]])
    overlaps = box_ious(boxes, ANCHORS)
    assert overlaps[0].tolist() == pytest.approx([1, 1 / 2.2, 1 / 2.35, 0, 0])
    kind, owner = assigned(boxes, ANCHORS)
    # The second and third overlap by 0.45 and 0.43: neither object nor background. Of the second
    # box the fourth anchor is the best, though it overlaps by 0.2 % alone.
    assert kind.tolist() == [1, -1, -1, 1, 0]
    assert owner[[0, 3]].tolist() == [0, 1]
    assert assigned(boxes[:0], ANCHORS)[0].tolist() == [0] * 5


def test_losses_of_proposals_are_those_of_the_formulas() -> None:
    logits, deltas = torch.zeros(1, 5), torch.zeros(1, 5, 4)
    deltas[0, 0] = torch.tensor([0.05, 0, 0, 1.0])
    losses = proposal_losses(logits, deltas, ANCHORS, [torch.tensor([[0.0, 0, 10, 10]])])
    # One object at 0.25 and two anchors of background at 0.75, each with (1/2)² of ln 2.
    assert losses["objectness"].item() == pytest.approx((0.25 + 2 * 0.75) * 0.25 * 0.6931, rel=1e-3)
    # Huber with delta 0.1, over delta: 0.05² / 2 / 0.1 and 1 - 0.1 / 2, of four numbers.
    assert losses["boxes"].item() == pytest.approx((0.0125 + 0.95) / 4, rel=1e-3)
    nothing = proposal_losses(logits, deltas, ANCHORS, [torch.zeros(0, 4)])
    assert nothing["boxes"].item() == 0
    assert nothing["objectness"].item() == pytest.approx(5 * 0.75 * 0.25 * 0.6931, rel=1e-3)
    assert in_frame(torch.tensor([[8.0, 0, 16, 64]]), 64).tolist() == [[128, 0, 256, 1024]]


def test_its_rate_falls_as_detectors_do() -> None:
    options = load("phase3").optimisation
    rates = [learning_rate(options, progress / 12, 16) for progress in (1, 7.9, 8, 10.9, 11, 12)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5])


def test_proposals_learn_and_nothing_else_moves(photo_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    start = EdgeSam(0.25)
    torch.save(start.state_dict(), tmp_path / "start.pth")
    valid = {"images": [photo_folder / "train-00.tar"],
             "annotations": photo_folder / "train.json.gz", "limit": 2}  # fmt: skip
    changes: dict[str, Any] = {
        "phase": 3,
        "student__decoder": "start",
        "data__valid": valid,
        "optimisation__steps": 16,
        "optimisation__rate": 3e-3,
        "watching__validate_every": 8,
    }
    with pytest.raises(InvalidParameterError, match="phase 2"):
        train(small(photo_folder, tmp_path / "no", **{**changes, "student__decoder": "random"}),
              WORLD)  # fmt: skip
    config = small(photo_folder, tmp_path / "3", student__start=tmp_path / "start.pth", **changes)
    train(config, WORLD)
    rows = read_log(tmp_path / "3" / "log.csv")
    losses = [value for _, name, value in rows if name == "objectness"]
    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])
    assert {"miou_centre_merged", "miou_centre_best", "boxes"} <= {name for _, name, _ in rows}
    model = read_checkpoint(tmp_path / "3" / LAST)
    assert model.rpn is not None
    own = model.state_dict()
    assert all(torch.equal(own[name], value) for name, value in start.state_dict().items())
    assert read_checkpoint(tmp_path / "3" / BEST).rpn is not None
