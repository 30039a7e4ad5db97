"""Checkpoints of FPSeg in the original's format, and of SAM and its kin to start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from edgeseg.engines.edge_sam.model import load_weights
from edgeseg.engines.edge_sam.prompt_encoder import INPUT_PX
from edgeseg.engines.fpseg.encoders import (
    PREFIX,
    EncoderName,
    build_encoder,
    decoder_sizes,
    encoder_of,
    resolved,
)
from edgeseg.engines.fpseg.model import FPSeg
from edgeseg.engines.torch.placement import read_tensors
from edgeseg.errors import EngineUnavailableError, InvalidParameterError
from edgeseg.files import replacing

PROMPTS = "prompt_encoder.prompt_embeddings"
MASK_TOKENS = "mask_decoder.mask_tokens.weight"


def read_checkpoint(path: Path, input_px: int = INPUT_PX) -> FPSeg:
    """Build the model that a checkpoint of FPSeg holds, for inference.

    Nothing but tensors is read from the file; names that are unknown are left out. Raises
    EngineUnavailableError for a file that is none, and says which names are missing.
    """
    weights = read_tensors(path)
    prompts = weights.get(PROMPTS)
    if prompts is None or prompts.ndim != 3:
        raise EngineUnavailableError(f"{path.name} is no checkpoint of FPSeg: it has no prompts.")
    classes, tokens, _ = prompts.shape
    return _filled(path, weights, None, classes, tokens, input_px)


def start_model(
    encoder: EncoderName,
    path: Path | None,
    classes: int,
    tokens: int,
    input_px: int = INPUT_PX,
    *,
    fresh_prompts: bool = False,
) -> FPSeg:
    """Build a model to train: weights of FPSeg's, SAM's, MobileSAM's or EdgeSAM's checkpoint.

    Prompts are those of the file where it has any and they are not to be ``fresh_prompts``; without
    a file all weights are random. Raises EngineUnavailableError as `read_checkpoint` does, and
    InvalidParameterError for a file with another encoder, or with prompts of another shape.
    """
    if path is None:
        made = FPSeg(
            build_encoder(encoder, input_px), classes, tokens, input_px, decoder_sizes(encoder)
        )
        return made.requires_grad_(True)
    weights = dict(read_tensors(path))
    if fresh_prompts:
        weights.pop(PROMPTS, None)
    made = _filled(path, weights, encoder, classes, tokens, input_px)
    return made.requires_grad_(True)


def read_encoder(path: Path | None, name: EncoderName, input_px: int = INPUT_PX) -> nn.Module:
    """Return an encoder alone, whatever else the file holds; random without a file.

    Raises as `start_model` does.
    """
    if path is None:
        return build_encoder(name, input_px).eval().requires_grad_(False)
    weights = read_tensors(path)
    found, width = _found(path, weights, name)
    with torch.device("meta"):
        encoder = build_encoder(found, input_px, width)
    own = {k.removeprefix(PREFIX): v for k, v in weights.items() if k.startswith(PREFIX)}
    load_weights(encoder, own, f"{path.name} holds no whole encoder")
    return encoder


def write_checkpoint(model: FPSeg, path: Path) -> None:
    """Write the model in the original's format; a crash in between leaves the old file."""
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with replacing(path) as part:
        torch.save(state, part)


def _filled(
    path: Path,
    weights: Mapping[str, Tensor],
    encoder: EncoderName | None,
    classes: int,
    tokens: int,
    input_px: int,
) -> FPSeg:
    found, width = _found(path, weights, encoder)
    with torch.device("meta"):
        made = build_encoder(found, input_px, width)
        model = FPSeg(made, classes, tokens, input_px, decoder_sizes(found))
    used = dict(weights)
    if MASK_TOKENS in used:
        # SAM has four, of which the first is for prompts that leave no doubt.
        used[MASK_TOKENS] = used[MASK_TOKENS][:1]
    shape = model.prompt_encoder.shape
    prompts = used.setdefault(PROMPTS, torch.randn(shape))
    if prompts.shape != shape:
        raise InvalidParameterError(
            f"{path.name} has prompts of the shape {tuple(prompts.shape)}, not {shape}: set "
            "n_classes and prompt_size, or prompts: fresh."
        )
    load_weights(model, used, f"{path.name} is not a valid checkpoint of FPSeg or SAM")
    return model


def _found(
    path: Path, weights: Mapping[str, Tensor], wanted: EncoderName | None
) -> tuple[EncoderName, float]:
    """Return the encoder that the weights hold, and its width."""
    found = encoder_of(weights)
    if found is None:
        raise EngineUnavailableError(
            f"{path.name} holds no encoder of SAM, MobileSAM or EdgeSAM that is known."
        )
    if wanted is not None and resolved(wanted) != found[0]:
        raise InvalidParameterError(
            f"{path.name} holds the encoder {found[0]}, not {resolved(wanted)}."
        )
    return found
