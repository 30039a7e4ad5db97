"""What a training needs to go on: tensors, numbers and words in one file, without pickled code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from edgeseg.errors import EngineUnavailableError
from edgeseg.files import replacing


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        torch.save(state, part)


def read_state(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a state; raises EngineUnavailableError for a file that holds none."""
    try:
        state = torch.load(path, device, weights_only=True)
    except Exception as error:
        raise EngineUnavailableError(f"{path} cannot be read: {error}") from error
    if not isinstance(state, dict):
        raise EngineUnavailableError(f"{path} holds no state of a training.")
    return state
