"""SAM's prompt encoder and mask decoder between transformers' names of weights and SAM's own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

# (pattern of SAM's own name, transformers' name), in the form of `re.sub`; the first that fits.
_OWN_TO_HF: tuple[tuple[str, str], ...] = (
    (
        r"prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix",
        "prompt_encoder.shared_embedding.positional_embedding",
    ),
    (r"prompt_encoder\.mask_downscaling\.0\.(.+)", r"prompt_encoder.mask_embed.conv1.\1"),
    (r"prompt_encoder\.mask_downscaling\.1\.(.+)", r"prompt_encoder.mask_embed.layer_norm1.\1"),
    (r"prompt_encoder\.mask_downscaling\.3\.(.+)", r"prompt_encoder.mask_embed.conv2.\1"),
    (r"prompt_encoder\.mask_downscaling\.4\.(.+)", r"prompt_encoder.mask_embed.layer_norm2.\1"),
    (r"prompt_encoder\.mask_downscaling\.6\.(.+)", r"prompt_encoder.mask_embed.conv3.\1"),
    (r"prompt_encoder\.point_embeddings\.(\d)\.(.+)", r"prompt_encoder.point_embed.\1.\2"),
    (r"(mask_decoder\.transformer)\.norm_final_attn\.(.+)", r"\1.layer_norm_final_attn.\2"),
    (r"(mask_decoder\.transformer\.layers\.\d)\.norm(\d)\.(.+)", r"\1.layer_norm\2.\3"),
    (r"mask_decoder\.output_upscaling\.0\.(.+)", r"mask_decoder.upscale_conv1.\1"),
    (r"mask_decoder\.output_upscaling\.1\.(.+)", r"mask_decoder.upscale_layer_norm.\1"),
    (r"mask_decoder\.output_upscaling\.3\.(.+)", r"mask_decoder.upscale_conv2.\1"),
    (r"(mask_decoder\.output_hypernetworks_mlps\.\d)\.layers\.0\.(.+)", r"\1.proj_in.\2"),
    (r"(mask_decoder\.output_hypernetworks_mlps\.\d)\.layers\.1\.(.+)", r"\1.layers.0.\2"),
    (r"(mask_decoder\.output_hypernetworks_mlps\.\d)\.layers\.2\.(.+)", r"\1.proj_out.\2"),
    (r"(mask_decoder\.iou_prediction_head)\.layers\.0\.(.+)", r"\1.proj_in.\2"),
    (r"(mask_decoder\.iou_prediction_head)\.layers\.1\.(.+)", r"\1.layers.0.\2"),
    (r"(mask_decoder\.iou_prediction_head)\.layers\.2\.(.+)", r"\1.proj_out.\2"),
)
_SHARED = "shared_image_embedding.positional_embedding"
PARTS = ("prompt_encoder.", "mask_decoder.")


def hugging_face_name(own: str) -> str:
    """Return transformers' name of a weight of the prompt encoder or mask decoder."""
    for pattern, replacement in _OWN_TO_HF:
        if re.fullmatch(pattern, own):
            return re.sub(pattern, replacement, own)
    return own


def from_hugging_face(weights: Mapping[str, Tensor], own_names: list[str]) -> dict[str, Tensor]:
    """Return the weights of SAM's own names that transformers' weights hold.

    ``own_names`` are those of the model to fill, of which the image encoder's are skipped; so are
    those that the weights lack.
    """
    pairs = {own: hugging_face_name(own) for own in own_names if own.startswith(PARTS)}
    return {own: weights[other] for own, other in pairs.items() if other in weights}


def to_hugging_face(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return prompt encoder and mask decoder under transformers' names; the rest is left out.

    The position encoding is there twice, as in transformers' own checkpoints.
    """
    renamed = {
        hugging_face_name(own): value for own, value in weights.items() if own.startswith(PARTS)
    }
    place = renamed.get("prompt_encoder.shared_embedding.positional_embedding")
    return renamed if place is None else {**renamed, _SHARED: place}
