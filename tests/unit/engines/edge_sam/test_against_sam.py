"""The prompt encoder and mask decoder compute what those of SAM in transformers compute."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from edgeseg.engines.edge_sam.model import EdgeSam, read_checkpoint
from edgeseg.engines.torch.hf import import_transformers

# Our names, and theirs.
NAMES = {
    r"prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix": (
        "prompt_encoder.shared_embedding.positional_embedding"
    ),
    r"point_embeddings": "point_embed",
    r"mask_downscaling\.0": "mask_embed.conv1",
    r"mask_downscaling\.1": "mask_embed.layer_norm1",
    r"mask_downscaling\.3": "mask_embed.conv2",
    r"mask_downscaling\.4": "mask_embed.layer_norm2",
    r"mask_downscaling\.6": "mask_embed.conv3",
    r"(layers\.\d)\.norm(\d)": r"\1.layer_norm\2",
    r"norm_final_attn": "layer_norm_final_attn",
    r"output_upscaling\.0": "upscale_conv1",
    r"output_upscaling\.1": "upscale_layer_norm",
    r"output_upscaling\.3": "upscale_conv2",
    r"((hypernetworks_mlps\.\d|prediction_head)\.)layers\.0": r"\1proj_in",
    r"((hypernetworks_mlps\.\d|prediction_head)\.)layers\.1": r"\1layers.0",
    r"((hypernetworks_mlps\.\d|prediction_head)\.)layers\.2": r"\1proj_out",
}
POINTS = torch.tensor([[[100.0, 200.0], [300.0, 50.0]], [[512.0, 700.0], [9.0, 1000.0]]])
LABELS = torch.tensor([[1, 0], [1, 1]])
BOXES = torch.tensor([[10.0, 20.0, 300.0, 400.0], [50.0, 60.0, 900.0, 1000.0]])


@pytest.fixture(scope="module")
def ours(checkpoint: Path) -> EdgeSam:
    return read_checkpoint(checkpoint)


@pytest.fixture(scope="module")
def theirs(ours: EdgeSam) -> Any:
    transformers = import_transformers()
    vision = transformers.SamVisionConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, global_attn_indexes=[0]
    )
    model = transformers.SamModel(transformers.SamConfig(vision_config=vision)).eval()
    weights = {}
    for name, tensor in ours.state_dict().items():
        if not name.startswith("image_encoder"):
            for pattern, theirs in NAMES.items():
                name = re.sub(pattern, theirs, name, count=1)
            weights[name] = tensor
    places = weights["prompt_encoder.shared_embedding.positional_embedding"]
    weights["shared_image_embedding.positional_embedding"] = places
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected
    assert all(name.startswith("vision_encoder") for name in missing)
    return model


@pytest.mark.parametrize("kind", ["points", "boxes", "both", "mask"])
def test_they_agree(ours: EdgeSam, theirs: Any, kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 256, 64, 64, generator=generator)
    rows = slice(0, 1) if kind == "mask" else slice(0, 2)
    places, labels = [], []
    asked: dict[str, torch.Tensor] = {}
    if kind in ("points", "both"):
        asked |= {"input_points": POINTS[None], "input_labels": LABELS[None]}
        places.append(POINTS)
        labels.append(LABELS)
    if kind == "points":
        places.append(torch.zeros(2, 1, 2))
        labels.append(torch.full((2, 1), -1))
    else:
        asked["input_boxes"] = BOXES[None, rows]
        places.append(BOXES.reshape(2, 2, 2))
        labels.append(torch.tensor([[2, 3], [2, 3]]))
    earlier = torch.randn(1, 1, 256, 256, generator=generator) if kind == "mask" else None
    with torch.inference_mode():
        made, quality = ours.decode(
            image, torch.cat(places, dim=1)[rows], torch.cat(labels, dim=1)[rows], earlier
        )
        wanted = theirs(image_embeddings=image, input_masks=earlier, multimask_output=True, **asked)
    assert torch.allclose(made[:, 1:], wanted.pred_masks[0], atol=1e-3)
    assert torch.allclose(quality[:, 1:], wanted.iou_scores[0], atol=1e-3)
