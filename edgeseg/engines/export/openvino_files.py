"""ONNX files as OpenVINO's own format: an ``.xml`` and a ``.bin`` each."""

from __future__ import annotations

from pathlib import Path

from edgeseg.engines.compiled.openvino import import_openvino
from edgeseg.engines.export.onnx_files import need


def write_openvino(source: Path, target: Path, half: bool) -> None:
    """Convert an ONNX file; with ``half`` its weights are stored in 16 bits."""
    need("openvino", "openvino")
    openvino = import_openvino()
    openvino.save_model(openvino.convert_model(source), target, compress_to_fp16=half)
