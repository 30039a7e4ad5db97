"""MobileSAM's networks: sizes and names as published, and the encoder as timm computes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from edgeseg.engines.mobile_sam import MobileSam, TinyVit, read_checkpoint
from edgeseg.engines.mobile_sam.model import ENCODER_PARAMETERS
from edgeseg.engines.mobile_sam.window_attention import windowed
from edgeseg.engines.torch.torchvision_ops import make_importable
from edgeseg.errors import EngineUnavailableError
from edgeseg.testing.checkpoints.edge_sam import randomise

# Our names, and timm's.
NAMES = {
    r"^layers\.(\d)\.downsample": lambda match: f"stages.{int(match[1]) + 1}.downsample",
    r"^layers": lambda match: "stages",
    r"^patch_embed\.seq\.(\d)": lambda match: f"patch_embed.conv{int(match[1]) // 2 + 1}",
    r"\.c\.": lambda match: ".conv.",
}


@pytest.fixture(scope="module")
def encoder() -> TinyVit:
    torch.manual_seed(0)
    encoder = TinyVit().eval()
    randomise(encoder)
    return encoder


@pytest.fixture(scope="module")
def theirs(encoder: TinyVit) -> Any:
    """timm's network with the same weights, its last stage at the third one's resolution."""
    make_importable()
    import timm

    model: Any = timm.create_model("tiny_vit_5m_224", num_classes=0).eval()
    model.stages[3].downsample.conv2.conv.stride = (1, 1)
    weights = {}
    for name, tensor in encoder.state_dict().items():
        for pattern, replaced in NAMES.items():
            name = re.sub(pattern, replaced, name)
        weights[name] = tensor
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert {name.split(".")[0] for name in unexpected} == {"norm_head", "head", "neck"}
    assert {name.split(".")[0] for name in missing} <= {"head"}
    return model


# Whole windows, and windows that reach over the edges.
@pytest.mark.parametrize("size_hw", [(224, 224), (160, 224)])
def test_the_encoder_computes_what_timm_computes(
    encoder: TinyVit, theirs: Any, size_hw: tuple[int, int]
) -> None:
    pixels = torch.randn(1, 3, *size_hw, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        features = encoder.features(pixels)
        x = theirs.patch_embed(pixels)
        for stage in theirs.stages:
            x = stage(x)
    assert features.shape == (1, 320, size_hw[0] // 16, size_hw[1] // 16)
    assert torch.allclose(features, x, atol=1e-4 * float(x.abs().max()))


def test_sizes_and_names_are_those_published() -> None:
    model = MobileSam()
    counts = [
        sum(each.numel() for each in part.parameters())
        for part in (model.image_encoder, model.prompt_encoder, model.mask_decoder)
    ]
    # The buffer of the position encoding is counted with the prompt encoder's parameters.
    assert counts == [ENCODER_PARAMETERS, 6_220, 4_058_340]
    names = set(model.state_dict())
    for name in (
        "image_encoder.patch_embed.seq.2.bn.running_var",
        "image_encoder.layers.0.blocks.1.conv3.c.weight",
        "image_encoder.layers.2.downsample.conv2.c.weight",
        "image_encoder.layers.2.blocks.5.attn.attention_biases",
        "image_encoder.layers.3.blocks.1.local_conv.c.weight",
        "image_encoder.layers.1.blocks.0.mlp.norm.weight",
        "image_encoder.norm_head.weight",
        "image_encoder.head.bias",
        "image_encoder.neck.3.bias",
    ):
        assert name in names
    assert not [name for name in names if "attention_bias_idxs" in name]


def test_windows_are_put_back_in_their_places() -> None:
    cells = torch.arange(5 * 8, dtype=torch.float32).reshape(1, 5, 8, 1)
    assert torch.equal(windowed(lambda x: x, cells, 3), cells)
    means = windowed(lambda x: x.mean(1, keepdim=True).expand_as(x), cells, 4)
    assert means[0, 0, 0, 0] == cells[0, :4, :4].mean()
    # Three of the lower window's four rows are zeros.
    assert means[0, 4, 0, 0] == cells[0, 4, :4].sum() / 16


def test_normalisations_can_be_fused(encoder: TinyVit) -> None:
    model = MobileSam().eval()
    randomise(model)
    pixels = torch.randn(1, 3, 160, 160, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        before = model(pixels)
        after = model.fuse()(pixels)
    assert not [each for each in model.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    assert torch.allclose(before, after, atol=1e-4)


def test_another_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"image_encoder.head.bias": torch.zeros(1000)}, tmp_path / "other.pt")
    with pytest.raises(EngineUnavailableError, match=r"other\.pt is not a valid MobileSAM"):
        read_checkpoint(tmp_path / "other.pt")
