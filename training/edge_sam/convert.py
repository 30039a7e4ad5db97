"""One checkpoint that the engine loads, out of a training checkpoint or of separate files."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from edgeseg.engines.edge_sam.model import from_weights
from edgeseg.engines.torch.placement import read_tensors
from edgeseg.errors import ConflictError
from edgeseg.files import replacing
from training.edge_sam.checkpoints import ENCODER, checkpoint_part, start_weights
from training.edge_sam.config import TeacherOptions
from training.edge_sam.names import PARTS
from training.edge_sam.teacher import load_teacher


def convert(
    source: Path,
    target: Path,
    decoder: str | None = None,
    weights: str = "ema",
    overwrite: bool = False,
) -> int:
    """Write ``target`` with the weights of ``source``; returns how many tensors it holds.

    ``weights`` says which of a training checkpoint: ``ema``, the averaged ones, or ``model``.
    ``decoder`` names a teacher (a folder of transformers', a checkpoint or an engine) whose prompt
    encoder and mask decoder take the place of those in ``source``, which may lack them. Raises
    ConflictError for a target that exists, unless told to ``overwrite``, and
    EngineUnavailableError where weights are missing.
    """
    if target.exists() and not overwrite:
        raise ConflictError(f"{target} exists; choose another name, or --overwrite.")
    chosen = _weights(source, weights)
    if decoder is not None:
        chosen = {name: value for name, value in chosen.items() if name.startswith(ENCODER)}
        chosen |= load_teacher(TeacherOptions(model=decoder)).decoder_weights()
    state = dict(from_weights(chosen, source.name).state_dict())
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as part:
        # Copies, since tensors that are mapped from a file would drag all of it along.
        torch.save({name: value.clone() for name, value in state.items()}, part)
    return len(state)


def _weights(source: Path, key: str) -> dict[str, Tensor]:
    part = checkpoint_part(source, key)
    weights = part if part is not None else read_tensors(source)
    return weights if any(each.startswith(PARTS) for each in weights) else start_weights(source)
