"""MobileSAM chooses among masks as SAM does: by predicted IoU, one of three for a click."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgeseg.engines.mobile_sam import MobileSam
from edgeseg.engines.mobile_sam.engine import MobileSamSegmenter
from edgeseg.engines.torch.placement import Placement
from edgeseg.types import Embedding, MaskPrompt

IOUS = [0.9, 0.1, 0.7, 0.3]


def test_a_click_takes_the_best_of_three_and_a_box_the_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    placement = Placement(torch.device("cpu"), torch.float32)
    engine = MobileSamSegmenter("mobile-sam", MobileSam(), placement)
    # The mask of column c is right of column c alone, so that its area tells which was taken.
    logits = torch.full((1, 4, 256, 256), -9.0)
    for column in range(4):
        logits[0, column, :, 64 * column :] = 9.0
    monkeypatch.setattr(engine.model, "decode", lambda *_: (logits, torch.tensor([IOUS])))
    embedding = Embedding("mobile-sam", (256, 256), (np.zeros((1, 256, 64, 64), np.float32),))
    click = MaskPrompt(points_xy=np.array([[9, 9]], np.float32), point_labels=np.array([1]))
    for prompt, column in ((click, 2), (MaskPrompt(box_xyxy=(0, 0, 99, 99)), 0)):
        made = engine.segment(embedding, [prompt])
        assert made.scores.tolist() == pytest.approx([IOUS[column]])
        assert made.masks[0].mean() == pytest.approx(1 - column / 4, abs=0.01)
