"""A small DINOv3 with random weights, as transformers saves it."""

from __future__ import annotations

import json
from pathlib import Path

from edgeseg.engines.torch.hf import import_transformers


def write(folder: Path, small: bool = True) -> None:
    """Write model and image processor into ``folder``; without ``small`` it is a ViT-B/16."""
    transformers = import_transformers()
    shape = {
        "hidden_size": 32 if small else 768,
        "intermediate_size": 64 if small else 3072,
        "num_hidden_layers": 2 if small else 12,
        "num_attention_heads": 2 if small else 12,
    }
    config = transformers.DINOv3ViTConfig(
        **shape, image_size=224, patch_size=16, num_register_tokens=4
    )
    transformers.DINOv3ViTModel(config).save_pretrained(folder)
    # As published, but for what only a processor of torchvision's reads.
    processor = {
        "image_processor_type": "DINOv3ViTImageProcessorFast",
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "rescale_factor": 1 / 255,
        "resample": 2,
        "size": {"height": 224, "width": 224},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
