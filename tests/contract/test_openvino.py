"""Encoders through OpenVINO answer as those through torch, and are converted once."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.compiled import openvino
from edgeseg.engines.compiled.openvino import compile_encoder
from edgeseg.engines.torch.placement import Placement
from edgeseg.errors import EngineUnavailableError
from edgeseg.types import Image, MaskPrompt
from tests.contract import checkpoints

BOX = MaskPrompt(box_xyxy=(60.0, 40.0, 400.0, 290.0))


def loaded(name: str, options: EngineOptions, **changes: Any) -> Any:
    ready = checkpoints.with_weights("segment", name, options)
    return registry.load("segment", name, dataclasses.replace(ready, **changes))


@pytest.mark.parametrize("name", ["sam2.1-tiny", "sam-vit-base", "sam-hq-vit-base", "mobile-sam"])
def test_it_answers_as_torch_does_and_converts_once(
    name: str, options: EngineOptions, photo: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = loaded(name, options)
    wanted = plain.embed(photo)
    plain.close()
    for _ in range(2):
        engine = loaded(name, options, encoder_runtime="openvino")
        assert engine.device == "cpu and openvino"
        made = engine.embed(photo)
        for one, other in zip(made.arrays, wanted.arrays, strict=True):
            assert one.shape == other.shape
            assert np.allclose(one, other, atol=1e-3)
        again = engine.embed(Image.from_array(photo.rgb[:50].copy()))
        assert not np.array_equal(again.arrays[0], made.arrays[0]), "an embedding is a value"
        assert engine.segment(made, [BOX]).masks.shape == (1, *photo.size_hw)
        engine.close()
        assert engine.device == "cpu"
        # The second time it is read from the cache.
        monkeypatch.delattr(openvino, "_convert", raising=False)
    held = {name for name, module in sys.modules.items() if module}
    assert "openvino_telemetry" not in held, "it reports nothing"
    assert not list((options.store.root / "openvino").glob("*.partial"))


def test_other_weights_are_converted_anew(options: EngineOptions, tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    keys = set()
    for content in (b"one", b"three"):
        weights.write_bytes(content)
        placement = Placement(torch.device("cpu"), torch.float32)
        changed = dataclasses.replace(options, name="any", weights=(weights,))
        keys.add(openvino._key(changed, (1, 3, 8, 8), placement, "1"))
    assert len(keys) == 2


def test_a_cache_that_cannot_be_written_is_said(options: EngineOptions, tmp_path: Path) -> None:
    (tmp_path / "openvino").write_bytes(b"in the way")
    store = dataclasses.replace(options.store, root=tmp_path)
    placement = Placement(torch.device("cpu"), torch.float32)
    with pytest.raises(EngineUnavailableError, match="keeps what it converts in"):
        compile_encoder(
            torch.nn.Identity(),
            lambda x: (x,),
            (1, 3, 8, 8),
            placement,
            dataclasses.replace(options, name="any", store=store),
        )


def test_other_devices_are_refused(options: EngineOptions) -> None:
    placement = Placement(torch.device("meta"), torch.float32)
    with pytest.raises(EngineUnavailableError, match="EDGESEG_DEVICE=cpu"):
        compile_encoder(torch.nn.Identity(), lambda x: (x,), (1, 3, 8, 8), placement, options)


FREED_ELSEWHERE = """
import gc, signal, threading
from edgeseg.engines.compiled.openvino import core

held = [core()]
held[0].get_property("CPU", "FULL_DEVICE_NAME")

def free():
    held.clear()
    gc.collect()

thread = threading.Thread(target=free)
thread.start()
thread.join()
signal.signal(signal.SIGTERM, lambda *_: print("stopped"))
signal.raise_signal(signal.SIGTERM)
"""


def test_a_signal_is_handled_after_another_thread_has_closed_the_engine() -> None:
    run = [sys.executable, "-c", FREED_ELSEWHERE]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.stdout == "stopped\n", done.stderr
    assert done.returncode == 0
