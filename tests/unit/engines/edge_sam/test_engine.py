"""EdgeSAM in the role of a segmenter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgeseg.engines.base import Segmenter
from edgeseg.engines.edge_sam.engine import EdgeSamSegmenter
from edgeseg.engines.torch_place import Place
from edgeseg.types import Embedding, Image, MaskPrompt
from tests.unit.engines.edge_sam.conftest import random_model


@pytest.fixture(scope="module")
def photo() -> Image:
    noise = np.random.default_rng(0).integers(0, 255, (301, 451, 3), dtype=np.uint8)
    return Image.from_array(noise)


@pytest.fixture(scope="module")
def embedding(engine: EdgeSamSegmenter, photo: Image) -> Embedding:
    return engine.embed(photo)


def click(*places: tuple[float, float]) -> MaskPrompt:
    return MaskPrompt(
        points_xy=np.array(places, np.float32), point_labels=np.ones(len(places), np.int64)
    )


def test_every_kind_of_prompt_is_answered_alone_as_together(
    engine: EdgeSamSegmenter, embedding: Embedding
) -> None:
    assert isinstance(engine, Segmenter)
    earlier = np.zeros((301, 451), bool)
    earlier[50:100, 60:200] = True
    prompts = [
        MaskPrompt(box_xyxy=(10.0, 20.0, 100.0, 200.0)),
        click((30.0, 40.0)),
        MaskPrompt(previous=earlier),
        MaskPrompt(box_xyxy=(1.0, 2.0, 10.0, 20.0)),
        click((30.0, 40.0), (90.0, 80.0)),
        MaskPrompt(box_xyxy=(0.0, 0.0, 451.0, 301.0), previous=earlier),
    ]
    together = engine.segment(embedding, prompts)
    assert together.masks.shape == (6, 301, 451)
    assert ((together.scores >= 0) & (together.scores <= 1)).all()
    for index, prompt in enumerate(prompts):
        alone = engine.segment(embedding, [prompt])
        assert (alone.masks[0] != together.masks[index]).mean() <= 1e-3
        assert alone.scores[0] == pytest.approx(together.scores[index], abs=1e-3)


def test_the_embedding_is_a_value(
    engine: EdgeSamSegmenter, embedding: Embedding, photo: Image
) -> None:
    prompt = MaskPrompt(box_xyxy=(10.0, 20.0, 300.0, 200.0))
    before = engine.segment(embedding, [prompt]).masks
    narrow = Image.from_array(np.ascontiguousarray(photo.rgb[:7]))
    assert engine.segment(engine.embed(narrow), [prompt]).masks.shape == (1, 7, 451)
    assert np.array_equal(engine.segment(embedding, [prompt]).masks, before)
    assert engine.segment(embedding, []).masks.shape == (0, 301, 451)


def test_half_precision_says_so_and_agrees(embedding: Embedding, photo: Image) -> None:
    half = EdgeSamSegmenter(random_model(), Place(torch.device("cpu"), torch.bfloat16))
    assert (half.device, half.dtype) == ("cpu", "bfloat16")
    made = half.embed(photo).arrays[0].astype(np.float64)
    wanted = embedding.arrays[0].astype(np.float64)
    assert np.corrcoef(made.ravel(), wanted.ravel())[0, 1] > 0.99
    half.close()
    half.close()
    with pytest.raises(RuntimeError, match="close"):
        half.embed(photo)
