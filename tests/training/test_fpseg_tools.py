"""FPSeg's encoders distilled, its models measured, timed and exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import PIL.Image
import pytest
import torch

from edgeseg.engines.export.runtime import onnx_run
from edgeseg.engines.fpseg.checkpoint import read_checkpoint
from edgeseg.engines.fpseg.model import enlarged
from edgeseg.errors import EngineError, InvalidParameterError
from tests.training.fpseg_data import (
    INPUT_PX,
    NAMES,
    WORLD,
    small,
    write_label_maps,
    write_model,
)
from training.common.logs import read_log
from training.fpseg import onnx_export
from training.fpseg.bench import bench
from training.fpseg.config import Bench, Distil, Evaluate, ExportOnnx, Precompute
from training.fpseg.distil import distil
from training.fpseg.embeddings import precompute
from training.fpseg.epochs import BEST
from training.fpseg.evaluation import evaluate
from training.fpseg.onnx_export import export_onnx, whole_graph, write


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_label_maps(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A model, its embeddings, and its files of ONNX."""
    root = tmp_path_factory.mktemp("root")
    write_model(root / "start.pth")
    precompute(small(Precompute, "precompute", root, data, stored_as="float32"), WORLD)
    export_onnx(small(ExportOnnx, "export-onnx", root, data, output_dir=root / "onnx"), WORLD)
    return root


def figures(folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((folder / "eval.json").read_text())
    return made


def noise() -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (1, 3, INPUT_PX, INPUT_PX), dtype=torch.uint8, generator=generator)


def test_an_encoder_comes_nearer_to_its_teacher(root: Path, data: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "student.pth", classes=5, seed=9)
    config = small(
        Distil, "distil", root, data, log_dir=tmp_path / "run", train_split="train", n_epochs=6,
        checkpoint=tmp_path / "student.pth", test_interval=2,
    )  # fmt: skip
    distil(config.model_copy(update={"n_epochs": 2}), WORLD)
    distil(config, WORLD)
    rows = read_log(tmp_path / "run" / "log.csv")
    errors = [value for _, name, value in rows if name == "val_mse"]
    assert len(errors) == 3
    assert errors[-1] < 0.9 * errors[0]
    before, after = (
        torch.load(path, weights_only=True)
        for path in (tmp_path / "student.pth", tmp_path / "run" / BEST)
    )
    changed = {name.partition(".")[0] for name in before
               if before[name].shape == after[name].shape
               and not torch.equal(before[name], after[name])}  # fmt: skip
    assert changed == {"image_encoder"}
    with pytest.raises(InvalidParameterError, match=r"\(256, 2, 2\).*\(256, 4, 4\)"):
        distil(config.model_copy(update={"input_px": 32, "log_dir": tmp_path / "no"}), WORLD)


def test_figures_are_the_same_by_every_runtime(
    root: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "encoder_file": root / "onnx" / "fpseg_ps4_edge_sam_encoder.onnx",
        "decoder_file": root / "onnx" / "fpseg_ps4_edge_sam_decoder.onnx",
    }
    found = {}
    for name, changes in (
        ("stored", {}),
        ("torch", {"image_embedding_dir": None}),
        ("onnxruntime", {"image_embedding_dir": None, "runtime": "onnxruntime", **files}),
        ("openvino", {"runtime": "openvino", **files}),
    ):
        out = tmp_path / name
        evaluate(small(Evaluate, "eval", root, data, output_dir=out, **changes), WORLD)
        found[name] = figures(out)
    first = found["torch"]
    assert set(first["per_class"]) <= set(NAMES)
    assert first["images"] == 3
    assert np.array(first["confusion"]["pixels"]).shape == (3, 4)
    for each in found.values():
        assert each["miou"] == pytest.approx(first["miou"], abs=0.01)
        assert each["pooled"] == pytest.approx(first["pooled"], abs=0.01)
    assert f"mIoU  {first['miou']:.4f}" in capsys.readouterr().out
    for name in ("classes.png", "confusion.png"):
        with PIL.Image.open(tmp_path / "torch" / name) as image:
            assert min(image.size) > 100


def test_an_engine_s_masks_are_taken_class_by_class(
    root: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = onnx_run(root / "onnx" / "fpseg_ps4_edge_sam.onnx")

    class Engine:
        def __init__(self, path: Path) -> None:
            assert path == root / "engine.trt"

        def run(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"masks": torch.from_numpy(whole({"image": image.numpy()})[0])}

    monkeypatch.setattr("training.fpseg.predictors.TensorrtEngine", Engine)
    common = {"target_size": [32, 64], "image_embedding_dir": None}
    for name, changes in (
        ("trt", {"runtime": "tensorrt", "trt_file": root / "engine.trt"}),
        ("torch", {}),
    ):
        config = small(
            Evaluate, "eval", root, data, output_dir=tmp_path / name, **common, **changes
        )
        evaluate(config, WORLD)
    assert figures(tmp_path / "trt")["pooled"] == pytest.approx(
        figures(tmp_path / "torch")["pooled"], abs=0.01
    )
    with pytest.raises(InvalidParameterError, match="needs trt_file"):
        small(Evaluate, "eval", root, data, runtime="tensorrt", trt_file="None")


def test_exported_files_have_names_and_an_open_number_of_classes(root: Path) -> None:
    model = read_checkpoint(root / "start.pth", INPUT_PX)
    image = noise()
    encode, decode, whole = (
        onnx_run(root / "onnx" / f"fpseg_ps4_edge_sam{end}.onnx")
        for end in ("_encoder", "_decoder", "")
    )
    (embedding,) = encode({"image": image.numpy()})
    prompts = model.prompt_encoder.prompt_embeddings.detach()
    with torch.inference_mode():
        wanted = model(image)
    for rows in ([0, 1, 2], [2], [1, 0]):
        feed = {"image_embeddings": embedding, "prompts": prompts[rows].numpy()}
        np.testing.assert_allclose(decode(feed)[0], wanted[rows].numpy(), atol=1e-3)
    (masks,) = whole({"image": image.numpy()})
    assert masks.shape == (1, 3, 1, 32, 64)
    assert masks.dtype == bool
    apart = masks[0, :, 0] != (enlarged(wanted, (32, 64)) > 0).numpy()
    assert apart.mean() < 1e-3
    names = onnx.load(root / "onnx" / "fpseg_ps4_edge_sam.onnx").graph
    assert [each.name for each in (*names.input, *names.output)] == ["image", "masks"]


def test_a_file_that_differs_from_torch_is_not_written(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = [np.zeros((1, 3, 1, 32, 64), bool)]
    monkeypatch.setattr(onnx_export, "onnx_run", lambda path: lambda feed: nothing)
    model = read_checkpoint(root / "start.pth", INPUT_PX)
    graph = whole_graph(model, (32, 64), as_masks=True)
    with pytest.raises(EngineError, match=r"differs from torch in \d"):
        write(graph, tmp_path / "whole.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_whole_gives_masks_or_logits(root: Path) -> None:
    model = read_checkpoint(root / "start.pth", INPUT_PX)
    masks, logits = (whole_graph(model, (32, 64), as_masks) for as_masks in (True, False))
    assert (masks.outputs, logits.outputs) == (("masks",), ("logits",))
    assert torch.equal(masks.module(noise()), logits.module(noise()) > 0)


def test_times_are_measured_by_the_number_of_classes(
    root: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = small(
        Bench, "bench", root, data, output_dir=tmp_path, n_warmup=1, n_runs=2, n_classes=3,
        image_size=[48, 80],
    )  # fmt: skip
    bench(config, WORLD)
    made = json.loads((tmp_path / "bench.json").read_text())
    for key in ("decode_ms", "sam_decode_ms"):
        assert [row["classes"] for row in made[key]] == [1, 2, 3]
        assert all(row["mean"] > 0 for row in made[key])
    assert made["encode_ms"]["median"] > 0
    assert made["encode_ms"]["cpu"] > 0
    assert made["runs"] == 2
    assert "3 classes" in capsys.readouterr().out
    with PIL.Image.open(tmp_path / "bench.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or []}
    assert {(40, 90, 200), (210, 70, 40)} <= colours
