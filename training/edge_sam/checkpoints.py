"""Weights out of checkpoints: of a training, of a published model, of one network alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgeseg.engines.torch.placement import read_tensors
from edgeseg.errors import EngineUnavailableError
from training.edge_sam.names import PARTS

ENCODER = "image_encoder."


def start_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint: of a training the averaged ones, where there are any.

    A checkpoint of RepViT alone has its names without ``image_encoder.``, as SAM's split files
    have theirs; they get it.
    """
    averaged = checkpoint_part(path, "ema")
    weights = averaged or read_tensors(path)
    if not any(name.startswith((ENCODER, *PARTS)) for name in weights):
        weights = {f"{ENCODER}{name}": value for name, value in weights.items()}
    return weights


def checkpoint_part(path: Path, key: str) -> dict[str, Tensor] | None:
    """Return the weights under a key of a training checkpoint, None where it has no such key.

    Raises EngineUnavailableError for a file that cannot be read.
    """
    if path.suffix == ".safetensors":
        return None
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise EngineUnavailableError(f"The weights {path} cannot be read: {error}") from error
    part = loaded.get(key) if isinstance(loaded, dict) else None
    return part if isinstance(part, dict) and part else None
