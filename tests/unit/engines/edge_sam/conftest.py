"""A checkpoint of EdgeSAM in its real format, with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from edgeseg.engines.edge_sam.engine import EdgeSamSegmenter
from edgeseg.engines.edge_sam.model import EdgeSam
from edgeseg.engines.torch_place import Place


def random_model() -> EdgeSam:
    """EdgeSAM whose normalisations do something, as those of a trained one do."""
    torch.manual_seed(0)
    model = EdgeSam()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like those that are published: names to tensors."""
    path = tmp_path_factory.mktemp("edge_sam") / "edge_sam.pth"
    torch.save(random_model().state_dict(), path)
    return path


@pytest.fixture(scope="session")
def engine() -> Iterator[EdgeSamSegmenter]:
    """The engine as the pipeline loads it, on the CPU in float32."""
    made = EdgeSamSegmenter(random_model(), Place(torch.device("cpu"), torch.float32))
    yield made
    made.close()
