"""Networks as LiteRT files (``.tflite``), finished only when its interpreter agrees with torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgeseg.engines.edge_sam.prompt_encoder import ABSENT
from edgeseg.engines.export.card import MEANINGS, Part
from edgeseg.engines.export.graphs import AnyDecoder, Graph
from edgeseg.engines.export.onnx_files import check, expected, need
from edgeseg.engines.export.options import Precision
from edgeseg.engines.export.quiet import quiet
from edgeseg.engines.export.runtime import Feed, Run

# Largest difference to torch, as a share of the largest number.
TOLERANCES: Mapping[Precision, float] = {"fp32": 1e-3, "fp16": 0.05}
# Weights of fewer numbers stay in 32 bits, among them those that encode the places of points.
HALVED_FROM = 1024
SIGNATURE = "serving_default"
LABELS = f"{MEANINGS['point_labels']}, {ABSENT} no point, which fills up shorter prompts"


class _Named(nn.Module):
    """A network whose outputs have names, which the file then has too."""

    def __init__(self, module: nn.Module, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.module = module
        self._outputs = outputs

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Return what the network gives, by name."""
        outputs = self.module(*inputs.values())
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return dict(zip(self._outputs, outputs, strict=True))


def write_litert(graph: Graph, path: Path, precision: Precision, points: int) -> Part:
    """Write one network; a decoder takes ``points`` points, those labelled -3 being none.

    fp16 stores weights in 16 bits and computes in 32. Raises EngineUnavailableError where the
    converter is missing, and EngineError where the interpreter computes something else than torch
    does for the prompts as they are, without points that are none.
    """
    for package in ("litert_torch", "ai_edge_litert"):
        need(package, "litert")
    example = {name: torch.from_numpy(each) for name, each in _feed(graph.inputs, points).items()}
    network = graph.module
    if isinstance(network, AnyDecoder):
        network = network.of_fixed_count()
    with quiet(), _no_progress(), torch.inference_mode():
        import litert_torch

        named = _Named(network, graph.outputs).eval()
        litert_torch.convert(named, sample_kwargs=example).export(str(path))
        if precision == "fp16":
            _halve_weights(path)
    compare(graph, path, TOLERANCES[precision], points)
    return describe(path)


def compare(graph: Graph, path: Path, tolerance: float, points: int) -> None:
    """Run a file on those of the graph's inputs that fit; raise EngineError where it differs."""
    run = litert_run(path, points, graph.outputs)
    for inputs in (graph.inputs, *graph.others):
        if inputs.get("point_labels", torch.empty(1, 0)).shape[1] <= points:
            feed = {name: each.numpy() for name, each in inputs.items()}
            check(path.name, run(feed), expected(graph.module, inputs), tolerance)


def litert_run(path: Path, points: int, outputs: tuple[str, ...]) -> Run:
    """Return what runs a file on the CPU, and fills prompts up to its number of points."""
    interpreter = _interpreter(path)
    signature = interpreter.get_signature_runner(SIGNATURE)

    def run(feed: Feed) -> list[np.ndarray]:
        found = signature(**filled(feed, points))
        return [found[name] for name in outputs]

    return run


def filled(feed: Feed, points: int) -> Feed:
    """Return inputs as a file takes them: labels in 32 bits, and ``points`` points."""
    if "point_labels" not in feed:
        return feed
    missing = ((0, 0), (0, points - feed["point_labels"].shape[1]))
    labels = np.pad(feed["point_labels"], missing, constant_values=ABSENT).astype(np.int32)
    places = np.pad(feed["point_coords"], (*missing, (0, 0)))
    return feed | {"point_coords": places, "point_labels": labels}


def describe(path: Path) -> Part:
    """Describe a file by its signature."""
    signature = _interpreter(path).get_signature_runner(SIGNATURE)
    meanings = MEANINGS | {"point_labels": LABELS}
    inputs, outputs = (
        [
            {
                "name": name,
                "shape": value["shape"].tolist(),
                "type": np.dtype(value["dtype"]).name,
                "meaning": meanings.get(name, ""),
            }
            for name, value in details.items()
        ]
        for details in (signature.get_input_details(), signature.get_output_details())
    )
    return Part(path, inputs, outputs)


def _feed(inputs: Mapping[str, Tensor], points: int) -> Feed:
    """Return an example of what a file takes; points that are too many are left out."""
    feed = {name: each.numpy() for name, each in inputs.items()}
    for name in ("point_coords", "point_labels"):
        if name in feed:
            feed[name] = feed[name][:, :points]
    return filled(feed, points)


def _interpreter(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=str(path))


def _halve_weights(path: Path) -> None:
    from ai_edge_quantizer import qtyping, quantizer

    bits = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=bits,
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
        min_weight_elements=HALVED_FROM,
    )
    names = qtyping.TFLOperationName
    each = quantizer.Quantizer(path.read_bytes())
    for kind in (
        names.FULLY_CONNECTED,
        names.CONV_2D,
        names.DEPTHWISE_CONV_2D,
        names.CONV_2D_TRANSPOSE,
    ):
        each.update_quantization_recipe(".*", kind, config, "float_casting")
    path.write_bytes(each.quantize().quantized_model)


@contextmanager
def _no_progress() -> Iterator[None]:
    """Let the converter print no steps; it reads the environment each time."""
    name = "LITERT_TORCH_SHOW_PROGRESS"
    before = os.environ.get(name)
    os.environ[name] = "n"
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
