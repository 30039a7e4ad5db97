"""The predictor's promises: shapes, frames, choices of masks, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from edgeseg.engines.edge_sam import SamPredictor, sam_model_registry
from edgeseg.engines.edge_sam.letterbox import Letterbox, stability
from edgeseg.types import UInt8Array

BOX = [60.0, 40.0, 400.0, 290.0]


@pytest.fixture(scope="module")
def photo(chelsea: Path) -> UInt8Array:
    with PillowImage.open(chelsea) as pil_image:
        return np.array(pil_image.convert("RGB"))


@pytest.fixture(scope="module")
def predictor(checkpoint: Path, photo: UInt8Array) -> SamPredictor:
    made = SamPredictor(sam_model_registry["edge_sam"](checkpoint=checkpoint))
    made.set_image(photo)
    return made


@pytest.mark.parametrize("masks", [1, 3, 4])
def test_one_three_or_four_masks(predictor: SamPredictor, masks: Any) -> None:
    every, scores, low = predictor.predict([[200, 150]], [1], num_multimask_outputs=4)
    some, some_scores, some_low = predictor.predict([[200, 150]], [1], num_multimask_outputs=masks)
    kept = {1: [0], 3: [1, 2, 3], 4: [0, 1, 2, 3]}[masks]
    assert some.shape == (masks, 300, 451)
    assert some.dtype == np.bool_
    assert np.array_equal(some, every[kept])
    assert np.array_equal(some_scores, scores[kept])
    assert np.array_equal(some_low, low[kept])


def test_the_older_switch_means_three_masks_or_one(predictor: SamPredictor) -> None:
    assert len(predictor.predict(box=BOX, multimask_output=True)[0]) == 3
    assert len(predictor.predict(box=BOX, multimask_output=False)[0]) == 1


def test_boxes_are_answered_alone_as_together(predictor: SamPredictor) -> None:
    boxes = np.array([BOX, [20, 30, 120, 150], [0, 0, 451, 300], [5, 5, 9, 9], [1, 2, 300, 299]])
    together = predictor.predict(box=boxes, return_logits=True)
    assert together[0].shape == (5, 3, 300, 451)
    for index, box in enumerate(boxes):
        alone = predictor.predict(box=box, return_logits=True)
        for one, many in zip(alone, together, strict=True):
            assert np.allclose(one, many[index], atol=1e-3)


def test_masks_are_the_logits_above_zero(predictor: SamPredictor) -> None:
    logits, _, low = predictor.predict([[9, 9], [80, 60]], [1, 0], return_logits=True)
    masks, _, _ = predictor.predict([[9, 9], [80, 60]], [1, 0])
    assert np.array_equal(masks, logits > 0)
    again, _, _ = predictor.predict([[9, 9], [80, 60]], [1, 0], mask_input=low[:1])
    assert again.shape == masks.shape


def test_stability_takes_the_place_of_the_predicted_iou(predictor: SamPredictor) -> None:
    _, scores, low = predictor.predict(box=BOX, use_stability_score=True)
    above, below = (low > 1).sum((1, 2)), (low > -1).sum((1, 2))
    assert np.allclose(scores, above / np.maximum(below, 1))


def test_stability_is_that_of_the_cut() -> None:
    sharp = torch.full((1, 1, 8, 8), -9.0)
    sharp[..., :4] = 9
    soft = torch.full((1, 1, 8, 8), -0.5)
    soft[..., :2] = 9
    assert stability(sharp).item() == 1
    assert stability(soft).item() == 0.25
    assert stability(torch.full((1, 1, 8, 8), -9.0)).item() == 0


def test_an_ignored_point_is_not_a_missing_one(predictor: SamPredictor) -> None:
    plain = predictor.predict([[200, 150]], [1], return_logits=True)[0]
    ignored = predictor.predict([[200, 150], [3, 3]], [1, -2], return_logits=True)[0]
    moved = predictor.predict([[200, 150], [90, 9]], [1, -2], return_logits=True)[0]
    assert np.allclose(ignored, moved, atol=1e-4)
    assert not np.allclose(ignored, plain, atol=1e-4)


def test_two_predictors_share_a_model(predictor: SamPredictor, photo: UInt8Array) -> None:
    before = predictor.predict(box=BOX)[0]
    other = SamPredictor(predictor.model)
    other.set_image(np.ascontiguousarray(photo[:, ::-1, ::-1]), image_format="BGR")
    assert other.get_image_embedding().shape == (1, 256, 64, 64)
    assert not torch.equal(other.get_image_embedding(), predictor.get_image_embedding())
    assert np.array_equal(predictor.predict(box=BOX)[0], before)
    other.reset_image()
    assert not other.is_image_set
    assert predictor.is_image_set


def test_wrong_use_is_said(predictor: SamPredictor, photo: UInt8Array) -> None:
    with pytest.raises(RuntimeError, match="set_image"):
        SamPredictor(predictor.model).predict(box=BOX)
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("points, a box or a mask_input", {}),
        ("expected 2 for 2 points, got 1", {"point_coords": [[1, 2], [3, 4]], "point_labels": [1]}),
        ("expected 1, 0, -1 or -2", {"point_coords": [[1, 2]], "point_labels": [2]}),
        (r"expected shape \(4,\) or \(N, 4\), got \(3,\)", {"box": [1, 2, 3]}),
        (r"expected shape \(1, 256, 256\)", {"mask_input": np.zeros((1, 64, 64))}),
        ("expected 1, 3 or 4, got 2", {"box": BOX, "num_multimask_outputs": 2}),
    ]
    for message, arguments in wrong:
        with pytest.raises(ValueError, match=message):
            predictor.predict(**arguments)
    with pytest.raises(ValueError, match="expected"):
        predictor.set_image(photo.astype(np.float32))


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 5000), (300, 451), (1024, 1024), (3000, 2000)])
def test_places_and_masks_come_back_to_the_photo(size_hw: tuple[int, int]) -> None:
    letterbox = Letterbox.for_size(size_hw)
    height, width = size_hw
    assert max(letterbox.scaled_hw) == 1024
    corner = letterbox.places(np.array([[width, height]], np.float32))[0]
    assert corner.tolist() == [letterbox.scaled_hw[1], letterbox.scaled_hw[0]]
    assert letterbox.restore(torch.zeros(1, 2, 256, 256)).shape == (1, 2, height, width)
