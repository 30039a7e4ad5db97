"""Networks as ONNX files, finished only when they agree with torch."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgeseg.engines.export.graphs import Graph
from edgeseg.errors import EngineError, EngineUnavailableError

# Photos are scaled down with antialiasing by what this version added to Resize.
OPSET = 18
# Largest difference to torch, as a share of the largest number.
TOLERANCE = 1e-3


def need(module: str, extra: str) -> None:
    """Raise EngineUnavailableError where a package is missing, and name the extra with it."""
    if importlib.util.find_spec(module) is None:
        raise EngineUnavailableError(
            f'This export needs the package {module}: pip install "edgeseg[{extra}]".'
        )


def write_onnx(graph: Graph, path: Path) -> None:
    """Write one network; raises EngineError where onnxruntime computes something else."""
    trace(graph, path)
    compare(graph, path)


def trace(graph: Graph, path: Path) -> None:
    """Write one network that is compared with torch elsewhere."""
    need("onnx", "export")
    with warnings.catch_warnings():
        # torch announces that this way to export will go, and traces shapes as numbers.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.module,
            tuple(graph.inputs.values()),
            str(path),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes=graph.open_axes,
            opset_version=OPSET,
            dynamo=False,
        )


def compare(graph: Graph, path: Path, tolerance: float = TOLERANCE) -> None:
    """Run the file on the graph's inputs; raise EngineError where it differs from the module."""
    from edgeseg.engines.onnx import open_session

    session = open_session(path)
    for inputs in (graph.inputs, *graph.others):
        outputs: list[Any] = session.run(
            None, {name: each.numpy() for name, each in inputs.items()}
        )
        check(path.name, outputs, expected(graph.module, inputs), tolerance)


def expected(module: nn.Module, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return what torch computes."""
    with torch.inference_mode():
        outputs = module(*inputs.values())
    return outputs if isinstance(outputs, tuple) else (outputs,)


def check(
    name: str, outputs: list[np.ndarray], wanted: tuple[Tensor, ...], tolerance: float
) -> None:
    """Raise EngineError where numbers are further apart than a share of the largest."""
    for one, other in zip(outputs, wanted, strict=True):
        apart = float(np.abs(one.astype(np.float32) - other.float().numpy()).max())
        if not apart <= tolerance * max(1.0, float(other.abs().max())):
            raise EngineError(f"{name} differs from torch by {apart:.3g}.")
