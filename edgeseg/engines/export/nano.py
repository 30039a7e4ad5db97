"""The nano segmenter's own ONNX files, copied or converted."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from edgeseg.engines.export.card import Part, onnx_part, write_card
from edgeseg.engines.export.job import Job
from edgeseg.errors import InvalidParameterError

_WEIGHTS = Path(__file__).parents[1] / "nano" / "weights"


def write_nano(job: Job) -> Mapping[str, float]:
    """Write encoder and decoder as they are in the package; nothing is measured of copies."""
    options = job.options
    if job.target not in ("onnx", "openvino") or options.precision != "fp32":
        raise InvalidParameterError(
            "nano is in the package as ONNX: it is exported to onnx or openvino, in fp32."
        )
    parts: list[Part] = []
    for part in ("encoder", "decoder"):
        source = _WEIGHTS / f"{part}.onnx"
        if job.target == "onnx":
            path = job.path(part, ".onnx")
            shutil.copyfile(source, path)
        else:
            from edgeseg.engines.export.openvino_files import write_openvino

            path = job.path(part, ".xml")
            write_openvino(source, path, half=False)
        parts.append(onnx_part(path, source))
    facts = {"target": job.target, "precision": options.precision}
    write_card(job.card, job.entry, "in the package", facts, parts)
    return {}
