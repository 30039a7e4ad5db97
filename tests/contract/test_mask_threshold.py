"""The mask threshold holds for every engine that makes masks of probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.torch.hf import as_pillow
from edgeseg.settings import Settings
from edgeseg.types import BoolArray, Image, MaskPrompt
from tests.contract import checkpoints

SEGMENTERS = [
    "nano",
    "sam2.1-tiny",
    "sam-vit-base",
    "sam-hq-vit-base",
    "edge-sam",
    "mobile-sam",
]
PROMPTS = [MaskPrompt(box_xyxy=(60.0, 40.0, 400.0, 290.0))]


def load(role: Any, name: str, options: EngineOptions, threshold: float | None) -> Any:
    options = checkpoints.with_weights(role, name, options)
    if threshold is not None:
        options = replace(options, mask_threshold=threshold)
    return registry.load(role, name, options)


@pytest.mark.parametrize("name", SEGMENTERS)
def test_segmenters_make_smaller_masks_by_higher_thresholds(
    name: str, options: EngineOptions, photo: Image
) -> None:
    masks: dict[float | None, BoolArray] = {}
    for threshold in (None, 0.05, 0.5, 0.95):
        engine = load("segment", name, options, threshold)
        masks[threshold] = engine.segment(engine.embed(photo), PROMPTS).masks
        engine.close()
    assert np.array_equal(masks[None], masks[0.5])
    low, default, high = (int(masks[each].sum()) for each in (0.05, 0.5, 0.95))
    assert low >= default >= high
    assert low > high


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_sam3_cuts_probabilities_as_transformers_does(
    threshold: float, options: EngineOptions, photo: Image
) -> None:
    engine = load("ground", "sam3", options, threshold)
    processor = engine._processor
    # Random masks are near a half everywhere; stretched, every threshold cuts through them.
    with torch.no_grad():
        engine.model.mask_decoder.mask_embedder.layers[-1].weight.mul_(1e5)
    found, masks = engine.ground(photo, ["cat"], box_threshold=0.0, text_threshold=0.0)
    inputs = processor(images=as_pillow(photo), text="cat", return_tensors="pt")
    with torch.inference_mode():
        made = engine.model(**inputs)
    (plain,) = processor.post_process_instance_segmentation(
        made, threshold=0.0, mask_threshold=threshold, target_sizes=[photo.size_hw]
    )
    theirs = plain["masks"][plain["scores"].argsort(descending=True, stable=True)].bool().numpy()
    assert 0 < theirs.mean() < 1
    assert len(found) == len(theirs)
    assert (masks.masks != theirs).mean() < 1e-3
    engine.close()


@pytest.mark.parametrize("threshold", ["0", "1", "-0.1", "nan", "half"])
def test_thresholds_outside_of_0_to_1_are_refused(
    threshold: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESEG_MASK_THRESHOLD", threshold)
    with pytest.raises(ValueError, match=r"mask_threshold|MASK_THRESHOLD"):
        Settings()


def test_the_setting_reaches_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EngineOptions.from_settings(Settings()).mask_logit == 0
    monkeypatch.setenv("EDGESEG_MASK_THRESHOLD", "0.8")
    options = EngineOptions.from_settings(Settings())
    assert options.mask_threshold == 0.8
    assert 1 / (1 + np.exp(-options.mask_logit)) == pytest.approx(0.8)
