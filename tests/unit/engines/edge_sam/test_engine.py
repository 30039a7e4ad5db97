"""EdgeSAM in the role of a segmenter; what all segmenters promise is under tests/contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.edge_sam.engine import EdgeSamSegmenter
from edgeseg.engines.edge_sam.predictor import SamPredictor, sam_model_registry
from edgeseg.engines.sam.base import as_tensor
from edgeseg.engines.weights.store import WeightStore
from edgeseg.types import Embedding, Image, MaskPrompt


def build(checkpoint: Path, name: str = "edge-sam", dtype: str = "float32") -> EdgeSamSegmenter:
    store = WeightStore(checkpoint.parent, offline=True, overrides={name: str(checkpoint)})
    made = registry.load("segment", name, EngineOptions("cpu", dtype=dtype, store=store))
    assert isinstance(made, EdgeSamSegmenter)
    return made


@pytest.fixture(scope="module")
def engine(checkpoint: Path) -> Iterator[EdgeSamSegmenter]:
    made = build(checkpoint)
    yield made
    made.close()


@pytest.fixture(scope="module")
def photo() -> Image:
    noise = np.random.default_rng(0).integers(0, 255, (301, 451, 3), dtype=np.uint8)
    return Image.from_array(noise)


@pytest.fixture(scope="module")
def embedding(engine: EdgeSamSegmenter, photo: Image) -> Embedding:
    return engine.embed(photo)


def test_its_masks_are_those_of_the_predictor(
    engine: EdgeSamSegmenter, embedding: Embedding, photo: Image, checkpoint: Path
) -> None:
    predictor = SamPredictor(sam_model_registry["edge_sam"](checkpoint=checkpoint))
    predictor.set_image(photo.rgb)
    box = MaskPrompt(box_xyxy=(10.0, 20.0, 300.0, 200.0))
    click = MaskPrompt(points_xy=np.array([[30, 40]], np.float32), point_labels=np.array([1]))
    made = engine.segment(embedding, [box, click])
    mask, score, _ = predictor.predict(
        box=box.box_xyxy, num_multimask_outputs=1, use_stability_score=True
    )
    assert (made.masks[0] != mask[0]).mean() <= 1e-3
    assert made.scores[0] == pytest.approx(score[0], abs=1e-3)
    masks, scores, _ = predictor.predict(
        [[30, 40]], [1], num_multimask_outputs=4, use_stability_score=True
    )
    assert (made.masks[1] != masks[scores.argmax()]).mean() <= 1e-3
    assert made.scores[1] == pytest.approx(scores.max(), abs=1e-3)


def test_an_earlier_mask_changes_the_answer(engine: EdgeSamSegmenter, embedding: Embedding) -> None:
    box = (10.0, 20.0, 300.0, 200.0)
    earlier = np.zeros((301, 451), bool)
    earlier[50:100, 60:200] = True
    plain, informed = engine.segment(
        embedding, [MaskPrompt(box_xyxy=box), MaskPrompt(box_xyxy=box, previous=earlier)]
    ).masks
    assert not np.array_equal(plain, informed)


def test_half_precision_says_so_and_agrees(
    checkpoint: Path, embedding: Embedding, photo: Image
) -> None:
    half = build(checkpoint, "edge-sam-3x", "bfloat16")
    assert (half.name, half.device, half.dtype) == ("edge-sam-3x", "cpu", "bfloat16")
    made, wanted = (as_tensor(each.arrays[0]).double() for each in (half.embed(photo), embedding))
    assert np.corrcoef(made.ravel(), wanted.ravel())[0, 1] > 0.99
    assert half.embed(photo).nbytes <= embedding.nbytes
    decoder = half.model.mask_decoder.parameters()
    assert {each.dtype for each in decoder} == {torch.float32}
    half.close()
