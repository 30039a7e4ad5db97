"""EdgeSAM: the three networks together, and how a checkpoint becomes them.

Zhou et al., "EdgeSAM: Prompt-In-the-Loop Distillation for On-Device Deployment of SAM".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from edgeseg.engines.edge_sam.layers import ConvNorm
from edgeseg.engines.edge_sam.mask_decoder import MaskDecoder
from edgeseg.engines.edge_sam.prompt_encoder import PromptEncoder
from edgeseg.engines.edge_sam.repvit import STAGES, DepthwiseMixer, ImageEncoder
from edgeseg.engines.edge_sam.rpn import Rpn
from edgeseg.engines.torch.placement import read_tensors
from edgeseg.errors import EngineUnavailableError

PARAMETERS = 9_582_112
# Widths in between would round to channels that do not tell the width.
WIDTH_STEP = 0.25


class SamModel(nn.Module):
    """Encodes a 1024² image once, and decodes any number of prompts on it.

    ``image_encoder`` takes (B, 3, 1024, 1024) to (B, 256, 64, 64).
    """

    def __init__(self, image_encoder: nn.Module) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.prompt_encoder = PromptEncoder()
        self.mask_decoder = MaskDecoder()

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, 1024, 1024) normalised pixels to (B, 256, 64, 64)."""
        return self.image_encoder(pixels)

    def decode(
        self, image: Tensor, points_xy: Tensor, labels: Tensor, masks: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Decode B prompts on one (1, 256, 64, 64) embedding, or on B of them.

        The embedding of a smaller input is smaller, and so are the masks. ``points_xy`` (B, P, 2)
        are in pixels of the 1024² input, ``labels`` (B, P) as in `PromptEncoder.sparse`,
        ``masks`` (B, 1, 256, 256) logits. Returns (B, 4, 256, 256) logits and (B, 4) predicted
        IoUs.
        """
        encoder, side = self.prompt_encoder, image.shape[-1]
        sparse = encoder.sparse(points_xy, labels)
        dense = encoder.dense(masks, len(points_xy), side)
        return self.mask_decoder(image, encoder.pe_layer.grid(side), sparse, dense)

    def fuse(self) -> Self:
        """Replace normalised convolutions by plain ones, in place; only for inference."""
        fuse(self)
        return self


class EdgeSam(SamModel):
    """SAM with RepViT as its encoder.

    The encoder has ``width`` times the published model's channels, in quarters.
    """

    image_encoder: ImageEncoder
    rpn: Rpn | None

    def __init__(self, width: float = 1.0, rpn: bool = False) -> None:
        super().__init__(ImageEncoder(width))
        # Turns clicks into boxes; few checkpoints have it.
        self.rpn = Rpn() if rpn else None


def fuse(module: nn.Module) -> None:
    """Replace normalised convolutions by plain ones, in place; only for inference."""
    for name, child in module.named_children():
        if isinstance(child, ConvNorm | DepthwiseMixer):
            setattr(module, name, child.fused())
        else:
            fuse(child)


def read_checkpoint(path: Path) -> EdgeSam:
    """Build the model with the weights of a published or a training checkpoint.

    Nothing but tensors is read from the file. Raises EngineUnavailableError for a file that is
    no checkpoint of EdgeSAM, and says which names are missing.
    """
    return from_weights(read_tensors(path), path.name)


def from_weights(weights: Mapping[str, Tensor], source: str = "the checkpoint") -> EdgeSam:
    """Build the model with these weights; raises as `read_checkpoint` does."""
    with torch.device("meta"):
        model = EdgeSam(encoder_width(weights), any(name.startswith("rpn.") for name in weights))
    load_weights(model, weights, f"{source} is not a valid EdgeSAM checkpoint")
    return model


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], invalid: str) -> None:
    """Give the model these weights, and make it one for inference.

    Names beyond the model's own (heads that only training needs) are left out. Raises
    EngineUnavailableError, beginning with ``invalid``, where weights are missing or of another
    shape.
    """
    state = model.state_dict()
    missing = [name for name in state if name not in weights and not _is_optional(name)]
    if missing:
        raise EngineUnavailableError(
            f"{invalid}: {len(missing)} of {len(state)} weights are missing, such as {missing[0]}."
        )
    for name, like in state.items():
        if name in weights and weights[name].shape != like.shape:
            raise EngineUnavailableError(
                f"{invalid}: {name}: expected shape {tuple(like.shape)}, got "
                f"{tuple(weights[name].shape)}."
            )
    used = {name: weights.get(name, torch.zeros((), dtype=torch.long)) for name in state}
    model.load_state_dict(used, assign=True)
    model.eval().requires_grad_(False)


def encoder_width(weights: Mapping[str, Tensor]) -> float:
    """Return the width of the encoder that has these weights, 1 where they do not tell."""
    last = weights.get("image_encoder.fuse_stage3.op_list.0.weight")
    if last is None or last.ndim < 2:
        return 1.0
    return max(1, round(last.shape[1] / STAGES[-1][0] / WIDTH_STEP)) * WIDTH_STEP


def _is_optional(name: str) -> bool:
    return name.endswith("num_batches_tracked")
