"""SAM 3 with random weights, as transformers saves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeseg.engines.torch.hf import import_transformers
from edgeseg.testing.checkpoints import tokenizers

_SIDE, _PATCH = 112, 14
_PUBLISHED_SIDE, _PUBLISHED_MASK_SIDE = 1008, 288
_LAYERS = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}


def write(folder: Path, small: bool = True) -> None:
    """Write model and processor into ``folder``; without ``small`` it has the published size."""
    transformers = import_transformers()
    if small:
        tokenizer = tokenizers.clip(folder)
        config, side, mask_side = _small_config(len(tokenizer)), _SIDE, _SIDE // _PATCH * 4
    else:
        config = transformers.Sam3Config()
        tokenizer = tokenizers.clip(folder, config.text_config.vocab_size)
        side, mask_side = _PUBLISHED_SIDE, _PUBLISHED_MASK_SIDE
    transformers.Sam3Model(config).save_pretrained(folder)
    pixels = transformers.Sam3ImageProcessor(
        size={"height": side, "width": side}, mask_size={"height": mask_side, "width": mask_side}
    )
    transformers.Sam3Processor(pixels, tokenizer, target_size=side).save_pretrained(folder)


def _small_config(tokens: int) -> Any:
    transformers = import_transformers()
    grid = _SIDE // _PATCH
    backbone = transformers.Sam3ViTConfig(
        **_LAYERS,
        num_hidden_layers=2,
        image_size=_SIDE,
        patch_size=_PATCH,
        window_size=4,
        global_attn_indexes=[1],
        pretrain_image_size=56,
    )
    vision = transformers.Sam3VisionConfig(
        backbone_config=backbone,
        fpn_hidden_size=32,
        backbone_feature_sizes=[[grid * 4, grid * 4], [grid * 2, grid * 2], [grid, grid]],
        scale_factors=[4.0, 2.0, 1.0, 0.5],
    )
    text = {
        **_LAYERS,
        "model_type": "clip_text_model",
        "vocab_size": tokens,
        "projection_dim": 32,
        "num_hidden_layers": 1,
        "max_position_embeddings": 32,
        "hidden_act": "gelu",
        "bos_token_id": tokens - 2,
        "eos_token_id": tokens - 1,
        "pad_token_id": tokens - 1,
    }
    return transformers.Sam3Config(
        vision_config=vision,
        text_config=text,
        geometry_encoder_config={**_LAYERS, "num_layers": 1},
        detr_encoder_config={**_LAYERS, "num_layers": 1},
        detr_decoder_config={**_LAYERS, "num_layers": 2, "num_queries": 12},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
    )
