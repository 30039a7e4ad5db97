"""Engines of TensorRT: opened, and run with their outputs copied back."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgeseg.errors import EngineUnavailableError

DEVICE = "cuda"
# TensorRT's names of types, in lower case, and torch's.
DTYPES = {
    "float": torch.float32,
    "float32": torch.float32,
    "half": torch.float16,
    "float16": torch.float16,
    "int8": torch.int8,
    "int32": torch.int32,
    "int64": torch.int64,
    "uint8": torch.uint8,
    "bool": torch.bool,
}


def import_tensorrt() -> Any:
    """Return the package; raises EngineUnavailableError where it or a GPU is missing."""
    try:
        module = importlib.import_module("tensorrt")
    except ImportError as error:
        raise EngineUnavailableError(
            "TensorRT is needed: pip install tensorrt on a machine with an NVIDIA GPU, or "
            "JetPack's own on a Jetson."
        ) from error
    if not torch.cuda.is_available():
        raise EngineUnavailableError(
            "TensorRT needs an NVIDIA GPU that torch can use; torch.cuda.is_available() is false."
        )
    return module


class TensorrtEngine:
    """An engine in memory, with a stream of its own."""

    def __init__(self, path: Path) -> None:
        """Open an engine; raises EngineUnavailableError for a file that this TensorRT cannot."""
        trt = import_tensorrt()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise EngineUnavailableError(f"{path} cannot be read: {error.strerror}.") from error
        runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
        self._engine = runtime.deserialize_cuda_engine(data)
        if self._engine is None:
            raise EngineUnavailableError(
                f"{path.name} is no engine of TensorRT {trt.__version__} for this GPU; build it "
                "here: python -m training.fpseg build-tensorrt."
            )
        self._context = self._engine.create_execution_context()
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        is_input = {n: self._engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT for n in names}
        self.inputs = [name for name in names if is_input[name]]
        self.outputs = [name for name in names if not is_input[name]]
        self._stream = torch.cuda.Stream()

    def run(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Run on tensors of any device; returns the outputs on the CPU when they are there."""
        with torch.cuda.stream(self._stream):
            held = {}
            for name, value in inputs.items():
                held[name] = value.to(DEVICE, self._dtype(name)).contiguous()
                self._context.set_input_shape(name, tuple(value.shape))
                self._context.set_tensor_address(name, held[name].data_ptr())
            made = {}
            for name in self.outputs:
                shape = tuple(self._context.get_tensor_shape(name))
                made[name] = torch.empty(shape, dtype=self._dtype(name), device=DEVICE)
                self._context.set_tensor_address(name, made[name].data_ptr())
            if not self._context.execute_async_v3(self._stream.cuda_stream):
                raise EngineUnavailableError("TensorRT could not run the engine; see its log.")
            answers = {name: value.to("cpu", non_blocking=False) for name, value in made.items()}
        self._stream.synchronize()
        return answers

    def _dtype(self, name: str) -> torch.dtype:
        kind = self._engine.get_tensor_dtype(name)
        return DTYPES[str(kind).rpartition(".")[2].lower()]
