"""What a mask decoder's tokens attend to in the image, for an ablation of the paper."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from edgeseg.engines.edge_sam.mask_decoder import HEADS, Attention
from edgeseg.errors import InvalidParameterError

_WATCHED = ("cross_attn_token_to_image", "final_attn_token_to_image")


class AttentionMaps:
    """The logarithms of the attention in each layer from tokens to the image, of the last pass."""

    def __init__(self, model: nn.Module) -> None:
        self.maps: dict[str, Tensor] = {}
        for name, module in model.named_modules():
            if name.endswith(_WATCHED) and isinstance(module, Attention):
                short = name.partition("mask_decoder.")[2]
                module.register_forward_hook(self._hook(short))

    def _hook(self, name: str) -> Any:
        def keep(module: Attention, inputs: tuple[Tensor, ...], _: Tensor) -> None:
            queries, keys = module.q_proj(inputs[0]), module.k_proj(inputs[1])
            q, k = (each.unflatten(-1, (HEADS, -1)).transpose(1, 2) for each in (queries, keys))
            likeness = (q @ k.transpose(2, 3)).float() / q.shape[-1] ** 0.5
            self.maps[name] = likeness.log_softmax(-1)

        return keep


def attention_loss(student: AttentionMaps, teacher: AttentionMaps) -> Tensor:
    """Mean Kullback-Leibler divergence of the student's attention from the teacher's.

    Raises InvalidParameterError where the maps have different sizes, as of different inputs.
    """
    parts = []
    for name, goal in teacher.maps.items():
        own = student.maps[name]
        if own.shape != goal.shape:
            raise InvalidParameterError(
                "losses.attention needs a student and a teacher with inputs of one size."
            )
        parts.append((goal.exp() * (goal - own)).sum(-1).mean())
    if not parts:
        raise InvalidParameterError("losses.attention: this teacher's attention cannot be read.")
    return torch.stack(parts).mean()
