"""Proposals: anchors, the box of a click in both ways, and what the engine makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgeseg.engines.edge_sam import EdgeSam
from edgeseg.engines.edge_sam.engine import EdgeSamSegmenter
from edgeseg.engines.edge_sam.model import read_checkpoint
from edgeseg.engines.edge_sam.prompt_encoder import BOTTOM_RIGHT, INSIDE, PADDING, TOP_LEFT
from edgeseg.engines.edge_sam.rpn import (
    ClickBox,
    Rpn,
    anchors,
    box_at,
    decoded,
    encoded,
    with_click_boxes,
)
from edgeseg.engines.torch.placement import Placement
from edgeseg.types import Image, MaskPrompt

CLICK = torch.tensor([100.0, 100.0])


def test_anchors_stand_on_their_cells_in_three_sizes_and_shapes() -> None:
    made = anchors(8)
    assert made.shape == (9 * 64, 4)
    # A cell has 128 pixels; the tenth anchor is the first of the second column.
    centres = (made[:, :2] + made[:, 2:]) / 2
    assert centres[9].tolist() == pytest.approx([192, 64])
    sizes = made[:9, 2:] - made[:9, :2]
    assert sizes[1].tolist() == pytest.approx([512, 512])
    assert sizes[0].tolist() == pytest.approx([512 * 2**0.5, 512 / 2**0.5])
    assert sizes[:, :].prod(1)[8].item() == pytest.approx((512 * 2 ** (2 / 3)) ** 2, rel=1e-5)


def test_boxes_come_back_from_what_moves_anchors() -> None:
    places = anchors(4)[:3]
    boxes = torch.tensor([[5.0, 6, 70, 90], [100, 40, 900, 500], [0, 0, 1024, 1024]])
    torch.testing.assert_close(decoded(encoded(boxes, places), places), boxes, atol=1e-3, rtol=0)
    assert encoded(places, places).abs().max() == 0


def proposals() -> tuple[torch.Tensor, torch.Tensor]:
    """Six boxes round the click, nearest first, one beside it, and one of a low score."""
    rings = [[100 - r, 100 - r, 100 + r + 2 * i, 100 + r] for i, r in enumerate(range(40, 100, 10))]
    boxes = torch.tensor([*rings, [200, 200, 300, 300], [90, 90, 110, 110]], dtype=torch.float32)
    return boxes, torch.tensor([0.2, 0.6, 0.2, 0.2, 0.2, 0.9, 0.95, 0.05])


def test_the_five_nearest_are_merged_or_the_best_of_them_is_taken() -> None:
    boxes, scores = proposals()
    best = box_at(boxes, scores, CLICK, "best")
    assert best is not None
    assert best.tolist() == boxes[1].tolist()
    merged = box_at(boxes, scores, CLICK, "merged")
    assert merged is not None
    left = (0.2 * (60 + 40 + 30 + 20) + 0.6 * 50) / 1.4
    assert merged[0].item() == pytest.approx(left)
    assert box_at(boxes, scores, torch.tensor([600.0, 600.0])) is None
    assert box_at(boxes, scores * 0.05, CLICK) is None


@pytest.mark.parametrize("way", ["merged", "best"])
def test_a_box_takes_the_place_of_a_clicks_padding(way: ClickBox) -> None:
    boxes, scores = proposals()
    points = torch.tensor([[[100.0, 100.0], [0, 0]], [[600.0, 600.0], [0, 0]]])
    labels = torch.tensor([[INSIDE, PADDING], [INSIDE, PADDING]])
    places, kinds = with_click_boxes(points, labels, boxes, scores, way)
    expected = box_at(boxes, scores, CLICK, way)
    assert expected is not None
    assert places[0].flatten().tolist() == [100, 100, *expected.tolist()]
    assert kinds.tolist() == [[INSIDE, TOP_LEFT, BOTTOM_RIGHT], [INSIDE, PADDING, PADDING]]


def test_a_checkpoint_with_proposals_gives_single_clicks_their_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    torch.save(EdgeSam(0.25, rpn=True).state_dict(), tmp_path / "edge_sam.pth")

    def one_box(self: Rpn, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert embedding.shape == (1, 256, 8, 8)
        return torch.tensor([[128.0, 256, 640, 768]]), torch.ones(1)

    monkeypatch.setattr(Rpn, "proposals", one_box)
    placement = Placement(torch.device("cpu"), torch.float32)
    image = Image.from_array(np.random.default_rng(0).integers(0, 255, (64, 128, 3), np.uint8))

    def masks(click_box: ClickBox | None, *prompts: MaskPrompt) -> np.ndarray:
        model = read_checkpoint(tmp_path / "edge_sam.pth")
        engine = EdgeSamSegmenter("edge-sam", model, placement, 128, click_box)
        return engine.segment(engine.embed(image), list(prompts)).masks

    click = MaskPrompt(points_xy=np.array([[40, 48]], np.float32), point_labels=np.array([1]))
    both = MaskPrompt((16.0, 32.0, 80.0, 96.0), click.points_xy, click.point_labels)
    away = MaskPrompt(points_xy=np.array([[120, 5]], np.float32), point_labels=np.array([1]))
    found = masks("merged", click, both, away)
    np.testing.assert_array_equal(found[0], found[1])
    plain = masks(None, click, away)
    assert (plain[0] != found[0]).any()


def test_its_maps_may_have_any_size() -> None:
    rpn = Rpn().eval()
    with torch.no_grad():
        for side in (4, 12, 64):
            logits, deltas, places = rpn(torch.randn(1, 256, side, side))
            assert logits.shape[1] == deltas.shape[1] == len(places)
        boxes, scores = rpn.proposals(torch.randn(1, 256, 12, 12))
    assert boxes.min() >= 0
    assert boxes.max() <= 1024
    # Nearly nothing is an object before it was trained.
    assert scores.mean().item() == pytest.approx(0.01, abs=0.005)
    parameters = sum(each.numel() for each in Rpn().parameters())
    assert parameters < 300_000
