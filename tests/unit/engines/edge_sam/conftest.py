"""A checkpoint of EdgeSAM in its real format, with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgeseg.testing.checkpoints import edge_sam


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like those that are published: names to tensors."""
    folder = tmp_path_factory.mktemp("edge_sam")
    torch.manual_seed(0)
    edge_sam.write(folder)
    return folder / "edge_sam.pth"
