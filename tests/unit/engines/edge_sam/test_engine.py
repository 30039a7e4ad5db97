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
from edgeseg.engines.edge_sam.letterbox import Letterbox
from edgeseg.engines.edge_sam.predictor import SamPredictor, sam_model_registry
from edgeseg.engines.paste import paste
from edgeseg.engines.sam.base import as_tensor
from edgeseg.engines.weights.store import WeightStore
from edgeseg.types import Embedding, Image, MaskPrompt


def build(
    checkpoint: Path, name: str = "edge-sam", dtype: str = "float32", input_px: int = 1024
) -> EdgeSamSegmenter:
    store = WeightStore(checkpoint.parent, offline=True, overrides={name: str(checkpoint)})
    options = EngineOptions("cpu", dtype=dtype, store=store, edge_sam_input_px=input_px)
    made = registry.load("segment", name, options)
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


def test_a_smaller_input_is_encoded_smaller_and_answered_in_pixels_of_the_photo(
    checkpoint: Path, photo: Image
) -> None:
    small = build(checkpoint, input_px=512)
    embedding = small.embed(photo)
    assert embedding.arrays[0].shape == (1, 256, 32, 32)
    earlier = np.zeros(photo.size_hw, bool)
    earlier[50:100, 60:200] = True
    prompt = MaskPrompt(box_xyxy=(10.0, 20.0, 300.0, 200.0), previous=earlier)
    made = small.segment(embedding, [prompt])
    assert made.masks.shape == (1, *photo.size_hw)
    # The window of its masks is the same part of the photo at any size of the input.
    candidates = small.candidates(embedding, [prompt], 1)
    assert candidates.logits.shape == (1, 1, 128, 128)
    assert np.allclose(candidates.windows_xyxy, [[0, 0, 451, 451]], atol=1)
    pasted = np.zeros(photo.size_hw, bool)
    paste(pasted, candidates.windows_xyxy[0], candidates.logits[0, 0])
    assert (pasted != made.masks[0]).mean() < 0.02
    small.close()


def test_places_of_prompts_do_not_depend_on_the_size_of_the_input() -> None:
    corner = np.array([[451, 301]], np.float32)
    frames = [Letterbox.for_size((301, 451), px).places(corner) for px in (512, 1024)]
    assert np.allclose(frames, [[1024, 683.5]], atol=1.0)


def test_half_precision_says_so_and_agrees(
    checkpoint: Path, embedding: Embedding, photo: Image
) -> None:
    half = build(checkpoint, "edge-sam-3x", "bfloat16")
    assert (half.name, half.device, half.dtype) == ("edge-sam-3x", "cpu", "bfloat16")
    # Once: CPUs that do not multiply bfloat16 take many times as long for it.
    embedded = half.embed(photo)
    made, wanted = (as_tensor(each.arrays[0]).double() for each in (embedded, embedding))
    assert np.corrcoef(made.ravel(), wanted.ravel())[0, 1] > 0.99
    assert embedded.nbytes <= embedding.nbytes
    decoder = half.model.mask_decoder.parameters()
    assert {each.dtype for each in decoder} == {torch.float32}
    half.close()
