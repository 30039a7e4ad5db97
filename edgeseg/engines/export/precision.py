"""ONNX files in 16 bits, and in 8 bits with ranges calibrated on photos."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

# What onnxruntime computes in 8 bits; all else keeps to 32.
QUANTISED = ("Conv", "MatMul", "Gemm", "ConvTranspose")
Feed = dict[str, np.ndarray]


def to_fp16(path: Path) -> None:
    """Let a file compute in 16 bits, but for places of points; inputs and outputs keep 32.

    The converter would round whatever its excluded nodes give, so that the part with the places
    is cut off before and put back after.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(path)
    encodings = {name for node in _sines(model) for name in node.output}
    front = _front(model, encodings)
    makers = {name: node for node in model.graph.node for name in node.output}
    for name in sorted(encodings):
        makers.pop(name)
        model.graph.input.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        )
    needed = _ancestors([makers[value.name] for value in model.graph.output], makers)
    nodes = [node for node in model.graph.node if node.name in needed]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model = convert_float_to_float16(model, keep_io_types=True)
    nodes = [*front.node, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(front.initializer)
    if encodings:
        del model.graph.input[-len(encodings) :]
    onnx.save(model, path)


def _front(model: Any, encodings: set[str]) -> Any:
    """Copy the nodes that lead to these values, and all that they give under other names."""
    import onnx

    kept = encodings | {value.name for value in model.graph.input} | {""}
    exact, front = set(exact_nodes(model)), onnx.GraphProto()

    def renamed(names: Iterable[str]) -> list[str]:
        return [name if name in kept else f"exact/{name}" for name in names]

    front.node.extend(node for node in model.graph.node if node.name in exact)
    for node in front.node:
        node.name = f"exact/{node.name}"
        node.input[:], node.output[:] = renamed(node.input), renamed(node.output)
    read = {name for node in front.node for name in node.input}
    for each in model.graph.initializer:
        if f"exact/{each.name}" in read:
            front.initializer.add().CopyFrom(each)
            front.initializer[-1].name = f"exact/{each.name}"
    return front


def to_int8(path: Path, feeds: Iterable[Feed]) -> None:
    """Quantise a file statically: weights by channel, activations in the ranges of ``feeds``."""
    import onnx
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    exact = exact_nodes(onnx.load(path))
    # It advises steps that change nothing here.
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        quantize_static(
            path,
            path,
            _reader(iter(feeds)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            # Some CPUs saturate when they add two products of 8 bits: 7 are safe everywhere.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=exact,
            calibrate_method=CalibrationMethod.MinMax,
        )
    finally:
        logging.root.setLevel(level)


def exact_nodes(model: Any) -> list[str]:
    """Return the names of the nodes that need all digits: sines, cosines and what leads to them.

    They encode places: in half precision a pixel is not told from its neighbours.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    return list(_ancestors(_sines(model), makers))


def _ancestors(nodes: Iterable[Any], makers: Mapping[str, Any]) -> dict[str, None]:
    """Return the names of nodes and of all that lead to them, by what makes each value."""
    found: dict[str, None] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found[node.name] = None
            waiting += [makers[name] for name in node.input if name in makers]
    return found


def _sines(model: Any) -> list[Any]:
    return [node for node in model.graph.node if node.op_type in ("Sin", "Cos")]


def _reader(feeds: Iterator[Feed]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        def get_next(self) -> Feed | None:
            return next(feeds, None)

    return Reader()
