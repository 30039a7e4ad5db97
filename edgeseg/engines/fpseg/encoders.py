"""The image encoders of FPSeg: SAM's three, MobileSAM's, EdgeSAM's, and our own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from edgeseg.engines.edge_sam.model import encoder_width
from edgeseg.engines.edge_sam.prompt_encoder import INPUT_PX, WIDTH
from edgeseg.engines.edge_sam.repvit import ImageEncoder
from edgeseg.engines.fpseg.decoder import DecoderSizes
from edgeseg.engines.fpseg.nano_encoder import FINGERPRINT, SIZES, NanoEncoder
from edgeseg.engines.mobile_sam.tiny_vit import TinyVit
from edgeseg.engines.torch.hf import import_transformers
from edgeseg.errors import InvalidParameterError

EncoderName = Literal["default", "vit_h", "vit_l", "vit_b", "mobilesam", "edge_sam", "nano"]
PREFIX = "image_encoder."
# Encoders halve their input five times at most.
STRIDE_PX = 32
# (pattern of SAM's own name, transformers' name), in the form of `re.sub`.
_OWN_TO_HF = (
    (r"^patch_embed\.proj\.", "patch_embed.projection."),
    (r"^blocks\.(\d+)\.norm(\d)\.", r"layers.\1.layer_norm\2."),
    (r"^blocks\.(\d+)\.", r"layers.\1."),
    (r"^neck\.0\.", "neck.conv1."),
    (r"^neck\.1\.", "neck.layer_norm1."),
    (r"^neck\.2\.", "neck.conv2."),
    (r"^neck\.3\.", "neck.layer_norm2."),
)
_HF_TO_OWN = (
    (r"^patch_embed\.projection\.", "patch_embed.proj."),
    (r"^layers\.(\d+)\.layer_norm(\d)\.", r"blocks.\1.norm\2."),
    (r"^layers\.(\d+)\.", r"blocks.\1."),
    (r"^neck\.conv1\.", "neck.0."),
    (r"^neck\.layer_norm1\.", "neck.1."),
    (r"^neck\.conv2\.", "neck.2."),
    (r"^neck\.layer_norm2\.", "neck.3."),
)


@dataclass(frozen=True)
class VitSizes:
    """Channels, blocks, heads, and the blocks that attend to the whole image."""

    width: int
    depth: int
    heads: int
    whole: tuple[int, ...]


VITS = {
    "vit_b": VitSizes(768, 12, 12, (2, 5, 8, 11)),
    "vit_l": VitSizes(1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": VitSizes(1280, 32, 16, (7, 15, 23, 31)),
}


class SamVit(nn.Module):
    """SAM's image encoder as transformers computes it, its weights under SAM's own names."""

    def __init__(self, sizes: VitSizes, input_px: int = INPUT_PX) -> None:
        super().__init__()
        import_transformers()
        from transformers import SamVisionConfig
        from transformers.models.sam.modeling_sam import SamVisionEncoder

        self.vit = SamVisionEncoder(
            SamVisionConfig(
                hidden_size=sizes.width,
                num_hidden_layers=sizes.depth,
                num_attention_heads=sizes.heads,
                global_attn_indexes=list(sizes.whole),
                mlp_dim=4 * sizes.width,
                output_channels=WIDTH,
                image_size=input_px,
                attn_implementation="sdpa",
            )
        )
        self.register_state_dict_post_hook(_as_own)
        self.register_load_state_dict_pre_hook(_as_theirs)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) normalised pixels to (B, 256, S / 16, S / 16)."""
        features: Tensor = self.vit(pixels).last_hidden_state
        return features


def _as_own(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    theirs = f"{prefix}vit."
    for name in [name for name in state if name.startswith(theirs)]:
        own = _renamed(name.removeprefix(theirs), _HF_TO_OWN)
        state[f"{prefix}{own}"] = state.pop(name)


def _as_theirs(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name in [name for name in state if name.startswith(prefix)]:
        theirs = _renamed(name.removeprefix(prefix), _OWN_TO_HF)
        state[f"{prefix}vit.{theirs}"] = state.pop(name)


def _renamed(name: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in pairs:
        if re.search(pattern, name):
            return re.sub(pattern, replacement, name)
    return name


def resolved(name: EncoderName) -> EncoderName:
    """Return the encoder that a name stands for: the default is SAM's largest."""
    return "vit_h" if name == "default" else name


def build_encoder(name: EncoderName, input_px: int = INPUT_PX, width: float = 1.0) -> nn.Module:
    """Build an encoder with random weights; ``width`` is that of EdgeSAM's, as a share.

    Raises InvalidParameterError for an input that it cannot halve so often.
    """
    if input_px % STRIDE_PX:
        raise InvalidParameterError(f"The input's side must be a multiple of {STRIDE_PX} pixels.")
    kind = resolved(name)
    if kind == "nano":
        return NanoEncoder()
    if kind in VITS:
        return SamVit(VITS[kind], input_px)
    return TinyVit() if kind == "mobilesam" else ImageEncoder(width)


def decoder_sizes(name: EncoderName) -> DecoderSizes:
    """Return the sizes of the decoder that fits an encoder."""
    return SIZES if name == "nano" else DecoderSizes()


def encoder_of(weights: Mapping[str, Tensor]) -> tuple[EncoderName, float] | None:
    """Return the encoder that a checkpoint holds and its width; None where it holds none."""
    if f"{PREFIX}{FINGERPRINT}" in weights:
        return "nano", 1.0
    if f"{PREFIX}patch_embed.seq.0.c.weight" in weights:
        return "mobilesam", 1.0
    if f"{PREFIX}fuse_stage2.weight" in weights:
        return "edge_sam", encoder_width(weights)
    places = weights.get(f"{PREFIX}pos_embed")
    if places is not None:
        for name, sizes in VITS.items():
            if places.shape[-1] == sizes.width:
                return name, 1.0  # type: ignore[return-value]
    return None
