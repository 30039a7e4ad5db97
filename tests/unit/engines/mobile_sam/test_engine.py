"""MobileSAM chooses among masks as SAM does: by predicted IoU, one of three for a click."""

from __future__ import annotations

import torch

from edgeseg.engines.mobile_sam import MobileSam
from edgeseg.engines.mobile_sam.engine import MobileSamSegmenter
from edgeseg.engines.torch.placement import Placement


def test_clicks_have_three_candidates_and_boxes_one() -> None:
    placement = Placement(torch.device("cpu"), torch.float32)
    engine = MobileSamSegmenter("mobile-sam", MobileSam(), placement)
    logits = torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 2, 2)
    ious = torch.tensor([[0.9, 0.1, 0.7, 0.3]])
    masks, scores = engine.candidates(logits, ious, True)
    assert masks[0, :, 0, 0].tolist() == [1, 2, 3]
    assert torch.equal(scores, ious[:, 1:])
    masks, scores = engine.candidates(logits, ious, False)
    assert masks[0, :, 0, 0].tolist() == [0]
    assert torch.equal(scores, ious[:, :1])
