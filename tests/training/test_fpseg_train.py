"""FPSeg's embeddings and the tuning of its prompts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from edgeseg.classes.pack import ClassPack
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.fpseg.checkpoint import read_checkpoint
from edgeseg.engines.fpseg.engine import load
from edgeseg.engines.nano.onnx_session import Network
from edgeseg.errors import (
    ConflictError,
    EngineUnavailableError,
    InvalidPackError,
    InvalidParameterError,
    NotFoundError,
)
from tests.training.fpseg_data import (
    INPUT_PX,
    NAMES,
    WORLD,
    small,
    write_cityscapes,
    write_label_maps,
    write_model,
)
from training.common.configs import Part
from training.common.logs import read_log
from training.common.store import EmbeddingStore
from training.fpseg.__main__ import main
from training.fpseg.config import Bench, Distil, ExportOnnx, Precompute, Train
from training.fpseg.data import open_photos
from training.fpseg.embeddings import precompute
from training.fpseg.epochs import BEST, LAST
from training.fpseg.pairs import Pair, PairBatch, PairSet
from training.fpseg.train import train
from training.fpseg.tuning import Tuner


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_label_maps(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A folder with a model to start from and the embeddings of all photos, mirrored ones too."""
    root = tmp_path_factory.mktemp("root")
    write_model(root / "start.pth")
    precompute(small(Precompute, "precompute", root, data, flips=True), WORLD)
    return root


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(path, weights_only=True))


def test_embeddings_are_the_encoder_s_and_go_on_after_a_kill(
    root: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = small(
        Precompute, "precompute", tmp_path, data, checkpoint=root / "start.pth", stored_as="float32"
    )
    precompute(config, WORLD)
    store = EmbeddingStore.open(tmp_path / "embeddings" / "train")
    model = read_checkpoint(root / "start.pth", INPUT_PX)
    assert store.index.fingerprint == model.encoder_fingerprint()
    photos = open_photos(config, "train")
    pixels = torch.from_numpy(photos.photo("p3").copy()).permute(2, 0, 1)[None]
    (features,) = store.read("p3")
    np.testing.assert_allclose(features, model.encode(pixels)[0].numpy(), atol=0.1)
    shard = store.shard_path(0)
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2 + 7])
    with pytest.raises(NotFoundError, match="3 of 6"):
        EmbeddingStore.open(tmp_path / "embeddings" / "train").require(photos.keys)
    capsys.readouterr()
    precompute(config, WORLD)
    assert "3 done" in capsys.readouterr().out
    again = EmbeddingStore.open(tmp_path / "embeddings" / "train").read("p5")[0]
    np.testing.assert_allclose(again, store.read("p5")[0], atol=1e-4)
    write_model(tmp_path / "other.pth", seed=1)
    other = config.model_copy(update={"checkpoint": tmp_path / "other.pth"})
    with pytest.raises(ConflictError, match="another encoder"):
        precompute(other, WORLD)


def test_a_distilled_model_of_other_classes_gives_its_encoder(tmp_path: Path, data: Path) -> None:
    write_model(tmp_path / "start.pth", classes=7, tokens=9)
    precompute(small(Precompute, "precompute", tmp_path, data, splits=["val"]), WORLD)
    store = EmbeddingStore.open(tmp_path / "embeddings" / "val")
    model = read_checkpoint(tmp_path / "start.pth", INPUT_PX)
    assert store.index.fingerprint == model.encoder_fingerprint()


def test_tuning_changes_prompts_alone_and_learns(root: Path, data: Path, tmp_path: Path) -> None:
    config = small(
        Train, "train-better", root, data, log_dir=tmp_path, n_epochs=8, pack="drawn",
        n_class_examples_per_epoch=8, prompt_learning_rate=0.05,
    )  # fmt: skip
    train(config, WORLD)
    before, after = weights(root / "start.pth"), weights(tmp_path / BEST)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"prompt_encoder.prompt_embeddings", "prompt_encoder.no_mask_embed.weight"}
    rows = read_log(tmp_path / "log.csv")
    losses = [value for _, name, value in rows if name == "loss"]
    assert np.mean(losses[-6:]) < 0.95 * np.mean(losses[:6])
    mious = [value for _, name, value in rows if name == "miou"]
    assert len(mious) == 8
    pack = ClassPack.load(tmp_path / "drawn.safetensors")
    assert pack.names == NAMES
    assert pack.figures["miou"] == pytest.approx(max(mious), abs=1e-4)
    kept = after["prompt_encoder.prompt_embeddings"]
    for row, each in enumerate(pack.classes):
        assert np.array_equal(each.prompt, kept[row].numpy())


def test_the_decoder_learns_by_choice(root: Path, data: Path, tmp_path: Path) -> None:
    config = small(
        Train, "train", root, data, log_dir=tmp_path, tuned_part="prompts and decoder", n_epochs=1
    )
    train(config, WORLD)
    before, after = weights(root / "start.pth"), weights(tmp_path / BEST)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("mask_decoder.transformer") for name in changed)
    assert not any(name.startswith("image_encoder") for name in changed)


def test_a_run_goes_on_after_a_stop_as_if_there_was_none(
    root: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = (
        small(Train, "train-better", root, data, log_dir=tmp_path / name)
        for name in ("whole", "cut")
    )
    train(whole, WORLD)
    steps = []

    def stop(self: Tuner, *arguments: object) -> dict[str, float]:
        steps.append(1)
        if len(steps) == 5:
            raise KeyboardInterrupt
        return step(self, *arguments)  # type: ignore[arg-type]

    step = Tuner.step
    monkeypatch.setattr(Tuner, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(cut, WORLD)
    train(cut, WORLD)
    one, other = (weights(tmp_path / name / BEST) for name in ("whole", "cut"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    logs = [read_log(tmp_path / name / "log.csv") for name in ("whole", "cut")]
    assert logs[0] == logs[1]
    assert torch.load(tmp_path / "cut" / LAST, weights_only=True)["epoch"] == 2


def test_a_class_is_added_and_the_others_stay_to_the_bit(
    root: Path, data: Path, tmp_path: Path
) -> None:
    """Two classes are a pack; the third learns alone beside them, and both packs are joined."""
    first = small(
        Train, "train", root, data, log_dir=tmp_path / "two", classes=list(NAMES[:2]), n_classes=2,
        prompts="fresh", pack="two", n_epochs=1,
    )  # fmt: skip
    train(first, WORLD)
    added = small(
        Train, "train", root, data, log_dir=tmp_path / "one", learn=["ball"], pack="ball",
        from_pack=tmp_path / "two" / "two.safetensors", checkpoint=tmp_path / "two" / BEST,
    )  # fmt: skip
    train(added, WORLD)
    two, one = weights(tmp_path / "two" / BEST), weights(tmp_path / "one" / BEST)
    prompts = "prompt_encoder.prompt_embeddings"
    assert torch.equal(one[prompts][:2], two[prompts])
    assert all(torch.equal(one[name], two[name]) for name in one if name != prompts)
    packs = [ClassPack.load(tmp_path / n / f"{m}.safetensors")
             for n, m in (("two", "two"), ("one", "ball"))]  # fmt: skip
    assert packs[1].names == ("ball",)
    joined = packs[0].merged(packs[1])
    assert joined.names == NAMES
    assert np.array_equal(joined.classes[2].prompt, one[prompts][2].numpy())
    with pytest.raises(InvalidPackError, match="the decoder is"):
        train(added.model_copy(update={"checkpoint": root / "start.pth"}), WORLD)
    lone = {"from_pack": tmp_path / "one" / "ball.safetensors", "learn": ("sky",)}
    with pytest.raises(InvalidParameterError, match="'grass' is neither"):
        train(added.model_copy(update=lone), WORLD)


def test_embeddings_of_another_encoder_are_refused(root: Path, data: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "other.pth", seed=3)
    config = small(Train, "train", root, data, checkpoint=tmp_path / "other.pth", log_dir=tmp_path)
    with pytest.raises(ConflictError, match="another encoder"):
        train(config, WORLD)
    with pytest.raises(InvalidParameterError, match="n_classes is 4, the data has 3"):
        train(config.model_copy(update={"n_classes": 4}), WORLD)


def test_mirrored_pairs_have_the_mirrored_photo_s_embedding(root: Path, data: Path) -> None:
    photos = open_photos(small(Train, "train", root, data), "train")
    store = EmbeddingStore.open(root / "embeddings" / "train")
    pairs = PairSet(photos, store, (32, 64))
    embedding, row, mask = pairs[Pair(1, 2, False)]
    mirrored, _, mirrored_mask = pairs[Pair(1, 2, True)]
    assert row == 2
    assert torch.equal(mask.flip(-1), mirrored_mask)
    assert not torch.equal(mirrored, embedding.flip(-1))
    torch.testing.assert_close(
        mirrored.float(), torch.from_numpy(store.read("p1#mirrored")[0]).float()
    )
    lone = EmbeddingStore(store.folder, store.index, photos.keys)
    flipped, _, _ = PairSet(photos, lone, (32, 64))[Pair(1, 2, True)]
    assert torch.equal(flipped, embedding.flip(-1))


def test_a_part_of_a_photo_is_decoded_with_its_own_places(root: Path, data: Path) -> None:
    """The whole as a part is what `decode` gives; parts are compared with their part of masks."""
    config = small(Train, "train-better", root, data, crop=1.0)
    model = read_checkpoint(root / "start.pth", INPUT_PX)
    tuner = Tuner(model, [0, 1, 2], config, WORLD)
    batch = PairBatch(torch.randn(2, 256, 4, 4), torch.tensor([0, 2]), torch.ones(2, 32, 64))
    rng = np.random.default_rng(0)
    logits, masks = tuner._decoded(batch, rng)
    torch.testing.assert_close(logits, model.decode(batch.embeddings, [0, 2]))
    assert masks.shape == (2, 32, 64)
    tuner.config = config.model_copy(update={"crop": 0.25})
    shapes = set()
    for _ in range(10):
        logits, masks = tuner._decoded(batch, rng)
        shapes.add(tuple(logits.shape[1:]))
        assert masks.shape[1:] == (logits.shape[1] * 2, logits.shape[2] * 4)
    assert len(shapes) > 3


def test_commands_run_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On Cityscapes' layout, with the 33 rows; a key that is unknown is named."""
    data = write_cityscapes(tmp_path / "cityscapes")
    write_model(tmp_path / "start.pth", classes=33)
    common = [
        f"--set=data_root={data}", f"--set=image_embedding_dir={tmp_path / 'e'}",
        "--set=encoder=edge_sam", f"--set=checkpoint={tmp_path / 'start.pth'}",
        f"--set=input_px={INPUT_PX}", "--set=num_workers=0",
    ]  # fmt: skip
    assert main(["precompute", *common]) == 0
    trained = [
        *common, f"--set=log_dir={tmp_path / 'run'}", "--set=n_epochs=1", "--set=prompt_size=4",
        "--set=n_class_examples_per_epoch=1", "--set=test_n_class_examples_per_epoch=1",
        "--set=target_size=[32, 32]",
    ]  # fmt: skip
    assert main(["train", *trained, "--set=batch_size=11"]) == 0
    assert (tmp_path / "run" / BEST).exists()
    assert "33 classes" in capsys.readouterr().out
    assert main(["train", *trained, "--set=promt_size=4"]) == 2
    assert "promt_size" in capsys.readouterr().err


def test_fields_of_configurations_are_checked(root: Path, data: Path) -> None:
    with pytest.raises(InvalidParameterError, match="decoder must stay"):
        small(Train, "train", root, data, learn=["sky"], tuned_part="prompts and decoder")
    with pytest.raises(InvalidParameterError, match="multiple of 32"):
        small(Train, "train", root, data, input_px=100)


def test_classes_are_tuned_on_the_package_s_own_encoder(data: Path, tmp_path: Path) -> None:
    own = {"encoder": "nano", "checkpoint": None}
    precompute(small(Precompute, "precompute", tmp_path, data, **own), WORLD)
    store = EmbeddingStore.open(tmp_path / "embeddings" / "train")
    (features,) = store.read("p3")
    assert features.shape == (96, INPUT_PX // 16, INPUT_PX // 16)
    photo = open_photos(small(Precompute, "precompute", tmp_path, data, **own), "train").photo("p3")
    photo = np.asarray(
        PIL.Image.fromarray(photo).resize((INPUT_PX,) * 2, PIL.Image.Resampling.BILINEAR)
    )
    pixels = photo.transpose(2, 0, 1)[None].astype(np.float32) / 255
    (expected, *_) = Network("classes_encoder").run(image=pixels)
    np.testing.assert_allclose(features, expected[0], atol=0.05 * np.abs(expected).max())
    config = small(Train, "train-better", tmp_path, data, **own, pack="own",
                   tuned_part="prompts and decoder", n_epochs=1)  # fmt: skip
    train(config, WORLD)
    engine = load(EngineOptions(name="fpseg", weights=(tmp_path / "run" / "checkpoint.pth",)))
    pack = ClassPack.load(tmp_path / "run" / "own.safetensors")
    assert pack.base == engine.base
    assert pack.base.encoder == "nano"
    shipped = weights(tmp_path / "run" / "checkpoint.pth")
    shipped["image_encoder.package_fingerprint"][0] += 1
    torch.save(shipped, tmp_path / "other.pth")
    with pytest.raises(EngineUnavailableError, match="nano encoder of another version"):
        read_checkpoint(tmp_path / "other.pth")


@pytest.mark.parametrize(
    ("kind", "name"), [(Distil, "distil"), (Bench, "bench"), (ExportOnnx, "export-onnx")]
)
def test_what_the_package_s_own_encoder_cannot_is_refused(
    kind: type[Part], name: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidParameterError, match="nano encoder"):
        small(kind, name, tmp_path, data, encoder="nano", checkpoint=None)
