"""Image encoders through OpenVINO: converted and compiled once, then read from a cache."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.torch.placement import Placement
from edgeseg.errors import EngineUnavailableError

Network = Callable[[Tensor], tuple[Tensor, ...]]
_PRECISION = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}


class CompiledEncoder:
    """A network from pixels to maps, on the CPU."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def __call__(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """(1, 3, H, W) pixels to the network's maps, float32."""
        outputs = self._compiled([pixels.float().contiguous().numpy()])
        # The arrays belong to the next call.
        return tuple(torch.from_numpy(outputs[output].copy()) for output in self._compiled.outputs)


def compile_encoder(
    model: nn.Module,
    network: Network,
    shape: Sequence[int],
    placement: Placement,
    options: EngineOptions,
) -> CompiledEncoder:
    """Compile ``network``, whose weights are those of ``model``, for pixels of one ``shape``.

    What was converted before from the same weights is read from the store's folder ``openvino``.
    Raises EngineUnavailableError without the package or on another device than the CPU.
    """
    if importlib.util.find_spec("openvino") is None:
        raise EngineUnavailableError(
            "EDGESEG_ENCODER_RUNTIME=openvino needs the package openvino: "
            'pip install "edgeseg[openvino]".'
        )
    if placement.device.type != "cpu":
        raise EngineUnavailableError(
            "EDGESEG_ENCODER_RUNTIME=openvino runs on the CPU, not on "
            f"{placement.device}; set EDGESEG_DEVICE=cpu."
        )
    openvino = import_openvino()
    kept = options.store.root / "openvino"
    folder = kept / _key(options, shape, placement, openvino.__version__)
    if not folder.is_dir():
        try:
            _convert(model, network, shape, placement, folder)
        except OSError as error:
            raise EngineUnavailableError(
                f"EDGESEG_OPENVINO keeps what it converts in {kept}: {error.strerror}."
            ) from error
    config: dict[str, Any] = {
        "CACHE_DIR": str(kept / "compiled"),
        "INFERENCE_PRECISION_HINT": _PRECISION[placement.dtype],
        "PERFORMANCE_HINT": "LATENCY",
    }
    if options.threads:
        config["INFERENCE_NUM_THREADS"] = options.threads
    return CompiledEncoder(core().compile_model(folder / "encoder.xml", "CPU", config))


def import_openvino() -> Any:
    """Return the package, which then reports its use to nobody."""
    # Its converter tells its makers of every use, unless this module cannot be imported.
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
    import openvino

    return openvino


@cache
def core() -> Any:
    """Return OpenVINO's core, one for the whole process.

    Its plugin for CPUs gives the thread that loads it another stack for signal handlers, and takes
    it away when the last core is freed: by another thread, the first one would be left with a stack
    that is gone, and the next signal (a time limit, a stop) would kill the process.
    """
    return import_openvino().Core()


class Encoder(nn.Module):
    """What is converted: the network as a module, so that its weights are found."""

    def __init__(self, model: nn.Module, network: Network) -> None:
        super().__init__()
        self.model = model
        self._network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Run the network."""
        return self._network(pixels)


def _convert(
    model: nn.Module, network: Network, shape: Sequence[int], placement: Placement, folder: Path
) -> None:
    """Write the network in OpenVINO's format into ``folder``, whole or not at all."""
    openvino = import_openvino()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), torch.no_grad():
        # Tracing warns of every shape that becomes a number, which is what is wanted here.
        warnings.simplefilter("ignore")
        converted = openvino.convert_model(
            Encoder(model, network), example_input=torch.zeros(*shape)
        )
    partial = Path(tempfile.mkdtemp(dir=folder.parent, suffix=".partial"))
    try:
        converted.reshape(list(shape))
        half = placement.dtype != torch.float32
        openvino.save_model(converted, partial / "encoder.xml", compress_to_fp16=half)
        if not folder.exists():
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _key(options: EngineOptions, shape: Sequence[int], placement: Placement, version: str) -> str:
    """Name what was converted by the files it was made from, and by what made it."""
    files = [
        (str(path), path.stat().st_size, path.stat().st_mtime_ns)
        for weights in options.weights
        for path in (sorted(weights.iterdir()) if weights.is_dir() else [weights])
    ]
    facts = json.dumps([files, list(shape), str(placement.dtype), version, torch.__version__])
    return f"{options.name}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"
