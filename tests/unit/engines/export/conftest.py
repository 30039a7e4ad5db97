"""A small EdgeSAM with random weights, and options that find it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.weights.store import WeightStore
from edgeseg.testing.checkpoints import edge_sam
from edgeseg.types import Image

# Pixels of the input's side: sixteen times fewer than those of the published model.
SIDE = 256


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> EngineOptions:
    """Options for a quarter of EdgeSAM's width at a quarter of its input."""
    folder = tmp_path_factory.mktemp("small_edge_sam")
    torch.manual_seed(0)
    edge_sam.write(folder, width=0.25)
    overrides = {"edge-sam": str(folder / "edge_sam.pth")}
    store = WeightStore(folder, offline=True, overrides=overrides)
    return EngineOptions("cpu", dtype="float32", store=store, edge_sam_input_px=SIDE)


@pytest.fixture(scope="session")
def photos() -> list[Image]:
    """Noise of different sizes."""
    generator = np.random.default_rng(0)
    sizes = ((90, 130), (300, 200), (120, 120))
    return [
        Image.from_array(generator.integers(0, 255, (*size, 3), dtype=np.uint8)) for size in sizes
    ]


@pytest.fixture(scope="session")
def edge_sam_checkpoint(small: EngineOptions) -> Path:
    """The checkpoint itself."""
    return Path(small.store.overrides["edge-sam"])
