"""EdgeSAM's networks: sizes and names as published, and checkpoints that are none."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from edgeseg.engines.edge_sam import EdgeSam, sam_model_registry
from edgeseg.engines.edge_sam.model import PARAMETERS, from_weights, read_checkpoint
from edgeseg.engines.edge_sam.prompt_encoder import IGNORED, PADDING
from edgeseg.errors import EngineUnavailableError

# Patterns of the names in published checkpoints, and how many entries each stands for.
NAMES = {
    r"image_encoder\.features\.0\.[02]\.(c\.weight|bn\.\w+)": 12,
    r"image_encoder\.features\.\d+\.token_mixer\.0\.conv1?\.(c\.weight|bn\.\w+)": 23 * 12,
    r"image_encoder\.features\.(4|8|24)\.token_mixer\.[02]\.(c\.weight|bn\.\w+)": 3 * 12,
    r"image_encoder\.features\.(1|5|9|11|13|15|17|19|21|25)\.token_mixer\.1\.fc[12]\.\w+": 40,
    r"image_encoder\.features\.\d+\.channel_mixer\.m\.[02]\.(c\.weight|bn\.\w+)": 26 * 12,
    r"image_encoder\.fuse_stage2\.weight": 1,
    r"image_encoder\.fuse_stage3\.op_list\.0\.weight": 1,
    r"image_encoder\.neck\.[02]\.weight": 2,
    r"image_encoder\.neck\.[13]\.(weight|bias)": 4,
    r"prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix": 1,
    r"prompt_encoder\.point_embeddings\.[0-3]\.weight": 4,
    r"prompt_encoder\.(not_a_point|no_mask)_embed\.weight": 2,
    r"prompt_encoder\.mask_downscaling\.[01346]\.(weight|bias)": 10,
    r"mask_decoder\.(iou_token|mask_tokens)\.weight": 2,
    r"mask_decoder\.transformer\.layers\.[01]\."
    r"(self_attn|cross_attn_token_to_image|cross_attn_image_to_token)\."
    r"(q|k|v|out)_proj\.(weight|bias)": 48,
    r"mask_decoder\.transformer\.layers\.[01]\.(norm[1-4]|mlp\.lin[12])\.(weight|bias)": 24,
    r"mask_decoder\.transformer\.final_attn_token_to_image\.(q|k|v|out)_proj\.(weight|bias)": 8,
    r"mask_decoder\.transformer\.norm_final_attn\.(weight|bias)": 2,
    r"mask_decoder\.output_upscaling\.[013]\.(weight|bias)": 6,
    r"mask_decoder\.output_hypernetworks_mlps\.[0-3]\.layers\.[0-2]\.(weight|bias)": 24,
    r"mask_decoder\.iou_prediction_head\.layers\.[0-2]\.(weight|bias)": 6,
}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_it_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = EdgeSam()
    encoder = model.image_encoder
    assert count(model) == PARAMETERS == 9_582_112
    assert count(encoder) == 5_517_552
    assert count(encoder.features) == 4_713_712
    assert count(encoder.neck) == 656_384
    assert count(encoder.fuse_stage2) == 49_152
    assert count(encoder.fuse_stage3) == 98_304
    assert count(model.prompt_encoder) == 6_220
    assert count(model.mask_decoder) == 4_058_340


def test_its_weights_have_the_published_names(checkpoint: Path) -> None:
    names = set(torch.load(checkpoint, weights_only=True))
    assert len(names) == 684 + 17 + 120
    for pattern, expected in NAMES.items():
        found = {name for name in names if re.fullmatch(pattern, name)}
        assert len(found) == expected, pattern
        names -= found
    assert not names


def test_a_checkpoint_becomes_the_model(checkpoint: Path) -> None:
    held = torch.load(checkpoint, weights_only=True)
    model = sam_model_registry["edge_sam"](checkpoint=str(checkpoint))
    assert all(torch.equal(held[name], tensor) for name, tensor in model.state_dict().items())
    assert not model.training


def test_training_checkpoints_and_other_heads_are_read(checkpoint: Path, tmp_path: Path) -> None:
    held = torch.load(checkpoint, weights_only=True)
    lean = {name: each for name, each in held.items() if "num_batches_tracked" not in name}
    path = tmp_path / "epoch_5.pth"
    torch.save({"model": {**lean, "rpn_head.weight": torch.ones(1)}, "epoch": 5}, path)
    model = read_checkpoint(path)
    name = "mask_decoder.mask_tokens.weight"
    assert torch.equal(model.state_dict()[name], held[name])


def test_what_is_no_checkpoint_is_said(checkpoint: Path, tmp_path: Path) -> None:
    held = torch.load(checkpoint, weights_only=True)
    with pytest.raises(EngineUnavailableError, match=r"nowhere\.pth"):
        read_checkpoint(tmp_path / "nowhere.pth")
    encoder_only = {name: each for name, each in held.items() if name.startswith("image_encoder")}
    with pytest.raises(EngineUnavailableError, match=r"137 of 821 weights are missing.*prompt_enc"):
        from_weights(encoder_only)
    wrong = {**held, "image_encoder.fuse_stage2.weight": torch.zeros(256, 96, 1, 1)}
    with pytest.raises(EngineUnavailableError, match=r"fuse_stage2.*\(256, 192, 1, 1\), got"):
        from_weights(wrong)
    half = tmp_path / "half.pth"
    half.write_bytes(checkpoint.read_bytes()[:1_000_000])
    with pytest.raises(EngineUnavailableError, match=r"half\.pth"):
        read_checkpoint(half)


class _Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.path, "run")


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    trace, path = tmp_path / "trace", tmp_path / "evil.pth"
    torch.save({"model": _Payload(trace)}, path)
    with pytest.raises(EngineUnavailableError):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(_Payload(trace)))
    with pytest.raises(EngineUnavailableError):
        read_checkpoint(path)
    assert not trace.exists()


def test_the_encoder_is_the_same_in_batches_and_fused(checkpoint: Path) -> None:
    model = read_checkpoint(checkpoint)
    pixels = torch.randn(2, 3, 1024, 1024, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        together = model(pixels)
        assert together.shape == (2, 256, 64, 64)
        assert torch.allclose(model(pixels[1:]), together[1:], atol=1e-3)
        fused = read_checkpoint(checkpoint).fuse()
        assert not any(isinstance(each, nn.BatchNorm2d) for each in fused.modules())
        assert torch.allclose(fused(pixels[:1]), together[:1], atol=1e-3)


def test_ignored_points_are_zeros_and_padding_is_its_own(checkpoint: Path) -> None:
    encoder = read_checkpoint(checkpoint).prompt_encoder
    places = torch.tensor([[[5.0, 6.0], [7.0, 8.0], [512.0, 512.0]]])
    made = encoder.sparse(places, torch.tensor([[IGNORED, PADDING, 1]]))
    assert not made[0, 0].any()
    assert torch.equal(made[0, 1], encoder.not_a_point_embed.weight[0])
    position = encoder.pe_layer(torch.tensor([512.5, 512.5]) / 1024)
    expected = position + encoder.point_embeddings[1](torch.tensor(0))
    assert torch.allclose(made[0, 2], expected, atol=1e-5)
