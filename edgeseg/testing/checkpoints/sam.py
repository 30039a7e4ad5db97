"""SAM and SAM-HQ with random weights, as transformers saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeseg.engines.torch.hf import import_transformers

_VISION: dict[str, dict[str, Any]] = {
    "base": {},
    "large": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "global_attn_indexes": [5, 11, 17, 23],
        "mlp_dim": 4096,
    },
    "huge": {
        "hidden_size": 1280,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "global_attn_indexes": [7, 15, 23, 31],
        "mlp_dim": 5120,
    },
    "small": {
        "hidden_size": 32,
        "output_channels": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 128,
        "window_size": 4,
        "global_attn_indexes": [0, 1],
        "mlp_dim": 64,
        "num_pos_feats": 16,
    },
}
_PROMPT = {
    "hidden_size": 32,
    "image_size": 128,
    "mask_input_channels": 8,
    "image_embedding_size": 8,
}
_DECODER = {"hidden_size": 32, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 32}


def write(folder: Path, size: str = "small", hq: bool = False) -> None:
    """Write the model into ``folder``; ``size`` is small, base, large or huge."""
    transformers = import_transformers()
    prefix = "SamHQ" if hq else "Sam"
    vision: dict[str, Any] = _VISION[size]
    small = size == "small"
    prompt, decoder = (dict(_PROMPT), dict(_DECODER)) if small else ({}, {})
    if hq:
        decoder["vit_dim"] = vision.get("hidden_size", 768)
    config = getattr(transformers, f"{prefix}Config")(
        vision_config=getattr(transformers, f"{prefix}VisionConfig")(**vision),
        prompt_encoder_config=getattr(transformers, f"{prefix}PromptEncoderConfig")(**prompt),
        mask_decoder_config=getattr(transformers, f"{prefix}MaskDecoderConfig")(**decoder),
    )
    getattr(transformers, f"{prefix}Model")(config).save_pretrained(folder)
