"""Grounding DINO with random weights, as transformers saves it and as its authors do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgeseg.engines.grounding_dino import original as original
from edgeseg.engines.torch.hf import import_transformers
from edgeseg.testing.checkpoints import tokenizers

_SWIN: dict[str, dict[str, Any]] = {
    "tiny": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]},
    "base": {
        "embed_dim": 128,
        "depths": [2, 2, 18, 2],
        "num_heads": [4, 8, 16, 32],
        "window_size": 12,
        "image_size": 384,
    },
}
_SMALL_SWIN = {"embed_dim": 12, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 3, 4], "image_size": 64}
_SMALL = {
    "num_queries": 30,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "d_model": 32,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
}
_SMALL_BERT = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
_SMALL_ORIGINAL = {
    "enc_layers": 1,
    "dec_layers": 2,
    "dim_feedforward": 64,
    "num_queries": 30,
    "edges": [64, 107],
}


def write(folder: Path, size: str = "small", mm: bool = False) -> None:
    """Write model and processor into ``folder``; ``size`` is small, tiny or base.

    ``mm`` makes it MM-Grounding-DINO.
    """
    transformers = import_transformers()
    small = size == "small"
    prefix = "MMGroundingDino" if mm else "GroundingDino"
    tokenizer = tokenizers.bert(folder, 1200 if small else 30522)
    backbone = transformers.SwinConfig(
        **(_SMALL_SWIN if small else _SWIN[size]), out_indices=[2, 3, 4]
    )
    text = transformers.BertConfig(vocab_size=len(tokenizer), **(_SMALL_BERT if small else {}))
    config = getattr(transformers, f"{prefix}Config")(
        backbone_config=backbone, text_config=text, **(_SMALL if small else {})
    )
    getattr(transformers, f"{prefix}ForObjectDetection")(config).save_pretrained(folder)
    edges = (128, 213) if small else (800, 1333)
    pixels = transformers.GroundingDinoImageProcessor(
        size={"shortest_edge": edges[0], "longest_edge": edges[1]}
    )
    transformers.GroundingDinoProcessor(pixels, tokenizer).save_pretrained(folder)


def write_original(checkpoint: Path, bert: Path, small: bool = True) -> None:
    """Write a model in the authors' format and, elsewhere, the text encoder's configuration.

    A small one has ``model.json`` beside it; the other is Grounding DINO tiny.
    """
    import torch

    bert.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizers.bert(bert, 1200 if small else 30522)
    text = import_transformers().BertConfig(
        vocab_size=len(tokenizer), **(_SMALL_BERT if small else {})
    )
    text.save_pretrained(bert)
    own = _SMALL_ORIGINAL if small else {}
    model = original.build({**original.CONFIG, "backbone": "swin_T_224_1k", **own}, bert)
    # As initialised, these would saturate the scores.
    model.transformer.decoder.norm.weight.data *= 0.1
    tensors = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"model": tensors}, checkpoint)
    if own:
        checkpoint.with_name("model.json").write_text(json.dumps(own), encoding="utf-8")
