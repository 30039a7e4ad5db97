"""FPSeg's networks: sizes and names as published, classes decoded alone or together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgeseg.engines.edge_sam.model import EdgeSam
from edgeseg.engines.fpseg.checkpoint import (
    read_checkpoint,
    read_encoder,
    start_model,
    write_checkpoint,
)
from edgeseg.engines.fpseg.encoders import SamVit, VitSizes, build_encoder, encoder_of
from edgeseg.engines.fpseg.model import FPSeg, enlarged, fingerprint, prepared
from edgeseg.engines.mobile_sam import MobileSam
from edgeseg.errors import EngineUnavailableError, InvalidParameterError

INPUT_PX = 64


def small(seed: int = 0, classes: int = 3) -> FPSeg:
    """A model with EdgeSAM's encoder at a quarter of its width."""
    torch.manual_seed(seed)
    return FPSeg(build_encoder("edge_sam", INPUT_PX, 0.25), classes, 4, INPUT_PX).eval()


@pytest.fixture
def image() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (1, 3, 40, 70), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(("encoder", "count"), [("mobilesam", 10_111_740), ("vit_b", 93_717_120)])
def test_models_have_as_many_parameters_as_published(encoder: str, count: int) -> None:
    with torch.device("meta"):
        model = FPSeg(build_encoder(encoder), 33, 64)  # type: ignore[arg-type]
    assert sum(each.numel() for each in model.parameters()) == count
    trained = model.prompt_encoder.parameters()
    assert sum(each.numel() for each in trained) == 540_672 + 256


def test_sam_s_encoder_has_the_names_of_its_checkpoints() -> None:
    encoder = SamVit(VitSizes(32, 2, 2, (1,)), INPUT_PX)
    names = set(encoder.state_dict())
    block = {
        f"blocks.1.{name}"
        for name in (
            "norm1.weight", "norm1.bias", "attn.rel_pos_h", "attn.rel_pos_w", "attn.qkv.weight",
            "attn.qkv.bias", "attn.proj.weight", "attn.proj.bias", "norm2.weight", "norm2.bias",
            "mlp.lin1.weight", "mlp.lin1.bias", "mlp.lin2.weight", "mlp.lin2.bias",
        )
    }  # fmt: skip
    assert {name for name in names if name.startswith("blocks.1.")} == block
    assert {name for name in names if not name.startswith("blocks.")} == {
        "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias", "neck.0.weight",
        "neck.1.weight", "neck.1.bias", "neck.2.weight", "neck.3.weight", "neck.3.bias",
    }  # fmt: skip


def test_sam_s_encoder_takes_weights_by_these_names() -> None:
    one, other = (SamVit(VitSizes(32, 2, 2, (1,)), INPUT_PX).eval() for _ in range(2))
    pixels = torch.randn(1, 3, INPUT_PX, INPUT_PX)
    assert not torch.equal(one(pixels), other(pixels))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(pixels), other(pixels))
    assert one(pixels).shape == (1, 256, 4, 4)


def test_the_encoder_of_a_checkpoint_is_known_by_its_names() -> None:
    for name in ("vit_l", "mobilesam", "edge_sam"):
        with torch.device("meta"):
            weights = build_encoder(name).state_dict()
        assert encoder_of({f"image_encoder.{k}": v for k, v in weights.items()}) == (name, 1.0)
    assert encoder_of({"prompt_encoder.no_mask_embed.weight": torch.zeros(1, 256)}) is None


def test_a_class_has_the_same_mask_alone_among_others_and_in_any_order(image: torch.Tensor) -> None:
    model = small()
    with torch.inference_mode():
        embedding = model.encode(image)
        together = model.decode(embedding, [0, 1, 2])
        assert together.shape == (3, 16, 16)
        torch.testing.assert_close(model.decode(embedding, [2, 0]), together[[2, 0]])
        torch.testing.assert_close(model.decode(embedding, [1]), together[1:2])
        torch.testing.assert_close(model(image), together)
        assert not torch.allclose(together[0], together[1], atol=1e-3)
        pairs = torch.cat([embedding, embedding.flip(-1)])
        torch.testing.assert_close(model.decode(pairs, [0, 1])[:1], together[:1])


def test_images_are_stretched_and_normalised(image: torch.Tensor) -> None:
    model = small()
    pixels = prepared(image, INPUT_PX)
    assert pixels.shape == (1, 3, INPUT_PX, INPUT_PX)
    assert torch.equal(model.encode(image), model.encode(pixels))
    grey = prepared(torch.full((1, 3, 9, 5), 128, dtype=torch.uint8), 32)
    expected = (128 - torch.tensor([123.675, 116.28, 103.53])) / torch.tensor(
        [58.395, 57.12, 57.375]
    )
    torch.testing.assert_close(grey.mean((0, 2, 3)), expected)
    assert enlarged(torch.ones(2, 16, 16), (40, 70)).shape == (2, 40, 70)


def test_checkpoints_come_back_as_they_were(tmp_path: Path, image: torch.Tensor) -> None:
    model = small()
    write_checkpoint(model, tmp_path / "fpseg.pth")
    again = read_checkpoint(tmp_path / "fpseg.pth", INPUT_PX)
    assert torch.equal(again(image), model(image))
    assert not any(each.requires_grad for each in again.parameters())


def test_foreign_names_are_left_out_and_missing_ones_named(tmp_path: Path) -> None:
    state = dict(small().state_dict())
    state["mask_decoder.iou_token.weight"] = torch.zeros(1, 256)
    torch.save(state, tmp_path / "more.pth")
    read_checkpoint(tmp_path / "more.pth", INPUT_PX)
    del state["image_encoder.neck.2.weight"]
    torch.save(state, tmp_path / "less.pth")
    with pytest.raises(EngineUnavailableError, match=r"1 of \d+ weights .* image_encoder\.neck\.2"):
        read_checkpoint(tmp_path / "less.pth", INPUT_PX)
    with pytest.raises(EngineUnavailableError, match=r"such as neck\.2\.weight"):
        read_encoder(tmp_path / "less.pth", "edge_sam", INPUT_PX)
    torch.save({"a": torch.zeros(1)}, tmp_path / "none.pth")
    with pytest.raises(EngineUnavailableError, match="no prompts"):
        read_checkpoint(tmp_path / "none.pth")
    with pytest.raises(EngineUnavailableError, match="no encoder"):
        read_encoder(tmp_path / "none.pth", "mobilesam")


def test_a_start_from_mobilesam_takes_its_first_mask(tmp_path: Path, image: torch.Tensor) -> None:
    theirs = MobileSam()
    torch.save(theirs.state_dict(), tmp_path / "mobile_sam.pt")
    ours = start_model("mobilesam", tmp_path / "mobile_sam.pt", 2, 5, INPUT_PX)
    assert ours.prompt_encoder.shape == (2, 5, 256)
    assert torch.equal(
        ours.mask_decoder.mask_tokens.weight, theirs.mask_decoder.mask_tokens.weight[:1]
    )
    own = theirs.prompt_encoder
    assert torch.equal(
        ours.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix,
        own.pe_layer.positional_encoding_gaussian_matrix,
    )
    assert all(each.requires_grad for each in ours.parameters())
    assert torch.equal(ours.eval().encode(image), theirs.eval()(prepared(image, INPUT_PX)))
    with pytest.raises(InvalidParameterError, match="mobilesam, not vit_h"):
        start_model("default", tmp_path / "mobile_sam.pt", 2, 5, INPUT_PX)


def test_a_start_from_edgesam_of_any_width(tmp_path: Path) -> None:
    theirs = EdgeSam(0.5)
    torch.save(theirs.state_dict(), tmp_path / "edge_sam.pth")
    ours = start_model("edge_sam", tmp_path / "edge_sam.pth", 2, 5, INPUT_PX)
    assert ours.encoder_fingerprint() == fingerprint(theirs.image_encoder.state_dict())


def test_prompts_of_the_file_are_kept_or_drawn_anew(tmp_path: Path) -> None:
    model = small()
    write_checkpoint(model, tmp_path / "fpseg.pth")
    kept = start_model("edge_sam", tmp_path / "fpseg.pth", 3, 4, INPUT_PX)
    assert torch.equal(
        kept.prompt_encoder.prompt_embeddings, model.prompt_encoder.prompt_embeddings
    )
    with pytest.raises(InvalidParameterError, match=r"\(3, 4, 256\), not \(5, 8, 256\)"):
        start_model("edge_sam", tmp_path / "fpseg.pth", 5, 8, INPUT_PX)
    fresh = start_model("edge_sam", tmp_path / "fpseg.pth", 5, 8, INPUT_PX, fresh_prompts=True)
    assert fresh.prompt_encoder.shape == (5, 8, 256)
    assert fresh.decoder_fingerprint() == model.decoder_fingerprint()


def test_fingerprints_follow_the_weights_and_not_the_prompts() -> None:
    one, other = small(0), small(0)
    before = (one.encoder_fingerprint(), one.decoder_fingerprint())
    assert before == (other.encoder_fingerprint(), other.decoder_fingerprint())
    with torch.no_grad():
        one.prompt_encoder.prompt_embeddings.add_(1)
        assert before == (one.encoder_fingerprint(), one.decoder_fingerprint())
        one.prompt_encoder.no_mask_embed.weight.add_(1)
        assert one.decoder_fingerprint() != before[1]
        other.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix.add_(1)
        assert other.decoder_fingerprint() != before[1]
        assert one.encoder_fingerprint() == before[0]
        next(one.image_encoder.parameters()).add_(1)
        assert one.encoder_fingerprint() != before[0]
    assert fingerprint({"a": torch.zeros(2)}) != fingerprint({"b": torch.zeros(2)})
