"""ONNX files in 16 bits, and in 8 bits with ranges calibrated on photos."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

# What onnxruntime computes in 8 bits; all else keeps to 32.
QUANTISED = ("Conv", "MatMul", "Gemm", "ConvTranspose")
# Places of points need all digits: in half precision a pixel is not told from its neighbours.
EXACT = "prompt_encoder"

Feed = dict[str, np.ndarray]


def to_fp16(path: Path) -> None:
    """Let a file compute in 16 bits, but for the prompt encoder; inputs and outputs keep 32."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(path)
    exact = [node.name for node in model.graph.node if EXACT in node.name]
    onnx.save(convert_float_to_float16(model, keep_io_types=True, node_block_list=exact), path)


def to_int8(path: Path, feeds: Iterable[Feed]) -> None:
    """Quantise a file statically: weights by channel, activations in the ranges of ``feeds``."""
    import onnx
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    exact = [node.name for node in onnx.load(path).graph.node if EXACT in node.name]
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


def _reader(feeds: Iterator[Feed]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        def get_next(self) -> Feed | None:
            return next(feeds, None)

    return Reader()
