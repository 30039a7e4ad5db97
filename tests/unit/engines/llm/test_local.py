"""Language models of the real families, tiny and random, from their folders to an answer."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.llm import local
from edgeseg.engines.llm.conversation import opening
from edgeseg.engines.llm.local import BEGINNING, LocalModel
from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.engines.torch.placement import Placement
from edgeseg.engines.weights.store import WeightStore
from edgeseg.errors import EngineUnavailableError
from edgeseg.testing.checkpoints import llm
from edgeseg.types import Image

ENGINES: dict[str, llm.Family] = {
    "qwen3-0.6b": "qwen3",
    "qwen2.5-0.5b": "qwen2",
    "qwen3-vl-2b": "qwen3-vl",
}
NEED = "Where should I throw the wrapper?"
WORDS = '"trash bin"], "filters": []}'


@pytest.fixture(scope="module", params=ENGINES)
def taught(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Name and folder of a model that always gives the same good answer."""
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    llm.write(folder, ENGINES[request.param], says=WORDS)
    return request.param, folder


@pytest.fixture
def photo() -> Image:
    noise = np.random.default_rng(0).integers(0, 255, (64, 97, 3), dtype=np.uint8)
    return Image.from_array(noise)


def options(name: str, folder: Path, dtype: str = "float32") -> EngineOptions:
    store = WeightStore(folder, offline=True, overrides={name: str(folder)})
    return EngineOptions("cpu", dtype=dtype, store=store)


def test_an_answer_goes_from_the_folder_to_phrases(taught: Any, photo: Image) -> None:
    name, folder = taught
    engine: Any = registry.load("simplify", name, options(name, folder))
    assert (engine.name, engine.device, engine.dtype) == (name, "cpu", "float32")
    assert engine.accepts_image == (name == "qwen3-vl-2b")
    for image in (None, photo):
        made = engine.simplify(NEED, image)
        assert (made.phrases, made.warnings) == (["trash bin"], [])
    engine.close()


def test_closing_frees_the_model(taught: Any) -> None:
    name, folder = taught
    engine: Any = registry.load("simplify", name, options(name, folder))
    held = weakref.ref(engine._model._model)
    assert held() is not None
    engine.close()
    gc.collect()
    assert held() is None


def test_the_answer_ends_with_its_object(taught: Any) -> None:
    name, folder = taught
    placement = Placement(torch.device("cpu"), torch.float32)
    model = LocalModel(folder, placement, name, accepts_image=name == "qwen3-vl-2b")
    assert model.answer(opening(NEED, None)) == BEGINNING + WORDS
    model.close()


@pytest.mark.parametrize("name", ENGINES)
def test_nonsense_is_left_to_the_rules(
    name: str, tmp_path: Path, photo: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "MAX_TOKENS", 4)
    torch.manual_seed(0)
    llm.write(tmp_path, ENGINES[name])
    engine: Any = registry.load("simplify", name, options(name, tmp_path, "bfloat16"))
    assert engine.dtype == "bfloat16"
    made = engine.simplify(NEED, photo)
    assert made.phrases == NanoSimplifier().simplify(NEED).phrases
    assert "rules did" in made.warnings[0]
    assert not engine.simplify("cat . dog .").changed
    engine.close()


@pytest.mark.parametrize("family", ["qwen3", "qwen3-vl"])
def test_thinking_is_off_where_the_template_knows_it(
    family: llm.Family, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    llm.write(tmp_path, family)
    placement = Placement(torch.device("cpu"), torch.float32)
    model = LocalModel(tmp_path, placement, family, accepts_image=family == "qwen3-vl")
    turns = opening(NEED, None)
    plain = model._encode(turns)["input_ids"].shape[1]
    assert "Kwargs" not in capfd.readouterr().err
    model._reader.chat_template += "{% if enable_thinking is false %}no thoughts{% endif %}"
    assert model._encode(turns)["input_ids"].shape[1] == plain + len("no thoughts")
    model.close()


def test_a_folder_without_a_model_is_said(tmp_path: Path) -> None:
    placement = Placement(torch.device("cpu"), torch.float32)
    with pytest.raises(EngineUnavailableError, match="cannot be loaded"):
        LocalModel(tmp_path, placement, "qwen3-0.6b")


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    llm.write(tmp_path)
    tensors = tmp_path / "model.safetensors"
    tensors.rename(tmp_path / "kept")
    torch.save({}, tmp_path / "pytorch_model.bin")
    placement = Placement(torch.device("cpu"), torch.float32)
    with pytest.raises(EngineUnavailableError, match="safetensors"):
        LocalModel(tmp_path, placement, "qwen3-0.6b")
