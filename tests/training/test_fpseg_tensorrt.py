"""What the builder of TensorRT is told, and the sentences where it cannot build."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import PIL.Image
import pytest
import torch

from edgeseg.errors import (
    EngineError,
    EngineUnavailableError,
    InputError,
    InvalidParameterError,
    NotFoundError,
)
from tests.training import fake_tensorrt
from tests.training.fake_tensorrt import DLA, FAILS, WORKSPACE, Builder, BuilderFlag
from tests.training.fpseg_data import WORLD
from training.common.configs import read_config
from training.fpseg import tensorrt_run
from training.fpseg.config import CONFIGS, BuildTensorrt
from training.fpseg.tensorrt_build import build_tensorrt, read_photos
from training.fpseg.tensorrt_run import TensorrtEngine


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT and a GPU, both of them made up."""
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt.module())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(tensorrt_run, "DEVICE", "cpu")


def options(folder: Path, text: str = "", **values: Any) -> BuildTensorrt:
    file = folder / "fpseg.onnx"
    file.write_text(text)
    changes = {"onnx_file": file, "output_dir": folder / "out", **values}
    return read_config(
        BuildTensorrt, CONFIGS, "build-tensorrt", [f"{k}={v}" for k, v in changes.items()]
    )


@pytest.mark.usefixtures("builder")
def test_an_engine_is_written_in_32_bits_with_an_explicit_batch(tmp_path: Path) -> None:
    build_tensorrt(options(tmp_path, workspace_mib=100), WORLD)
    assert (tmp_path / "out" / "fpseg.trt").read_bytes() == b"engine"
    made = Builder.last
    assert made.flags == 1
    assert made.options.flags == set()
    assert made.options.limits == {WORKSPACE: 100 * 2**20}
    assert made.options.profiles == []


@pytest.mark.usefixtures("builder")
def test_options_become_flags_and_are_in_the_name(tmp_path: Path) -> None:
    build_tensorrt(options(tmp_path, fp16="true", dla_core=1), WORLD)
    assert (tmp_path / "out" / "fpseg_fp16_dla1.trt").exists()
    made = Builder.last.options
    assert made.flags == {BuilderFlag.FP16, BuilderFlag.GPU_FALLBACK}
    assert (made.default_device_type, made.DLA_core) == (DLA, 1)


@pytest.mark.usefixtures("builder")
def test_8_bit_ranges_are_read_from_photos(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(4):
        pixels = np.full((20, 30, 3), 40 * number, np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.jpg")
    photos = f"[{tmp_path / 'photos'}]"
    config = options(tmp_path, int8="true", calibration_photos=photos, calibration_limit=3)
    build_tensorrt(config, WORLD)
    made = Builder.last
    assert made.options.flags == {BuilderFlag.INT8}
    assert made.batches == 3
    calibrator = made.options.int8_calibrator
    assert calibrator.get_batch_size() == 1
    assert calibrator.read_calibration_cache() is None
    first = next(read_photos([tmp_path / "photos"], (32, 32), 1))
    assert first.shape == (1, 3, 32, 32)
    assert first.dtype == torch.uint8
    with pytest.raises(InputError, match="no photo"):
        read_photos([tmp_path / "out"], (32, 32), 1)


@pytest.mark.usefixtures("builder")
def test_a_decoder_has_an_open_number_of_classes(tmp_path: Path) -> None:
    text = "image_embeddings 1,256,4,4\nprompts -1,-1,256"
    build_tensorrt(options(tmp_path, text, n_classes="[1, 5, 20]", prompt_size=8), WORLD)
    (profile,) = Builder.last.options.profiles
    assert profile.shapes == {"prompts": ((1, 8, 256), (5, 8, 256), (20, 8, 256))}
    config = options(tmp_path, text, int8="true", calibration_photos=f"[{tmp_path}]")
    with pytest.raises(InvalidParameterError, match="of the encoder or of the whole"):
        build_tensorrt(config, WORLD)


@pytest.mark.usefixtures("builder")
def test_what_cannot_be_built_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="no such operator"):
        build_tensorrt(options(tmp_path, "no onnx"), WORLD)
    with pytest.raises(EngineError, match="could not compile"):
        build_tensorrt(options(tmp_path, "broken 1,3,32,32"), WORLD)
    with pytest.raises(InvalidParameterError, match="has 2 cores"):
        build_tensorrt(options(tmp_path, fp16="true", dla_core=2), WORLD)
    monkeypatch.setattr(Builder, "platform_has_fast_fp16", False)
    with pytest.raises(InvalidParameterError, match="no fast fp16"):
        build_tensorrt(options(tmp_path, fp16="true"), WORLD)
    config = options(tmp_path)
    config.onnx_file.unlink()
    with pytest.raises(NotFoundError, match="export-onnx"):
        build_tensorrt(config, WORLD)


@pytest.mark.usefixtures("builder")
def test_an_engine_s_outputs_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "Stream", MagicMock())
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    (tmp_path / "fpseg.trt").write_bytes(b"engine")
    engine = TensorrtEngine(tmp_path / "fpseg.trt")
    assert (engine.inputs, engine.outputs) == (["image"], ["masks"])
    for value in (0, 1):
        # Whatever the tensor's type is, the engine gets its own.
        made = engine.run(image=torch.full((1, 3, 4, 4), value))
        assert torch.equal(made["masks"], torch.full((1, 2, 1, 4, 4), bool(value)))
    with pytest.raises(EngineUnavailableError, match="could not run"):
        engine.run(image=torch.full((1, 3, 4, 4), FAILS))
    (tmp_path / "old.trt").write_bytes(b"of another version")
    with pytest.raises(EngineUnavailableError, match="no engine of TensorRT 10"):
        TensorrtEngine(tmp_path / "old.trt")
    with pytest.raises(EngineUnavailableError, match="cannot be read"):
        TensorrtEngine(tmp_path / "none.trt")


def test_without_the_package_or_a_gpu_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(EngineUnavailableError, match="pip install tensorrt"):
        build_tensorrt(options(tmp_path), WORLD)
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt.module())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EngineUnavailableError, match="NVIDIA GPU"):
        build_tensorrt(options(tmp_path), WORLD)


def test_options_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match="needs calibration_photos"):
        options(tmp_path, int8="true")
    with pytest.raises(InvalidParameterError, match="needs fp16 or int8"):
        options(tmp_path, dla_core=0)
    with pytest.raises(InvalidParameterError, match="in this order"):
        options(tmp_path, n_classes="[9, 5, 20]")
