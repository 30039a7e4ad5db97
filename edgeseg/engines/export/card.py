"""The file beside an export that says what it is: inputs, outputs, checksums, licence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgeseg.engines.spec import Entry

# What each input and output means, by name.
MEANINGS = {
    "image": "RGB, longest side scaled to the input's, less the mean, over the deviation, then "
    "zeros on the right and below",
    "photo": "RGB of a photo of any size",
    "image_embeddings": "what the decoder needs of the image",
    "point_coords": "x, y in pixels of the image scaled so that its longest side is 1024",
    "point_labels": "1 inside, 0 outside, 2 and 3 the corners of a box, -1 padding, -2 ignored",
    "mask_input": "logits of an earlier mask",
    "has_mask_input": "1 where mask_input counts, else 0",
    "photo_size_hw": "height and width of the photo",
    "scores": "how good each mask is thought to be",
    "masks": "logits, the mask where they are above 0; the first for prompts without doubt",
    "low_res_masks": "logits for mask_input",
}
WITH_PROCESSING = {
    "point_coords": "x, y in pixels of the photo",
    "masks": "logits in pixels of the photo, the mask where they are above 0",
}
# Packages that write and run files for LiteRT.
LITERT = ("litert-torch", "litert-converter", "ai-edge-quantizer", "ai-edge-litert")


@dataclass(frozen=True)
class Part:
    """A file of an export, or a folder that is one model; what it takes and gives."""

    path: Path
    inputs: Sequence[Mapping[str, Any]]
    outputs: Sequence[Mapping[str, Any]]


def write_card(
    path: Path, entry: Entry, weights: str, facts: Mapping[str, Any], parts: Iterable[Part]
) -> None:
    """Write a model card as JSON; ``facts`` are added as they are."""
    card = {
        "engine": entry.name,
        "description": entry.description,
        "licence_of_weights": entry.licence,
        "weights": weights,
        **facts,
        "files": [
            {
                "name": part.path.name,
                "bytes": size(part.path),
                "sha256": checksum(part.path),
                "inputs": part.inputs,
                "outputs": part.outputs,
            }
            for part in parts
        ],
        "versions": _versions(),
    }
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def onnx_part(path: Path, source: Path, processing: bool = False) -> Part:
    """Describe a file by the ONNX file that it was made from, which may be itself."""
    from edgeseg.engines.onnx import open_session

    meanings = MEANINGS | (WITH_PROCESSING if processing else {})
    session = open_session(source)
    inputs, outputs = (
        [
            {
                "name": value.name,
                "shape": value.shape,
                "type": value.type.removeprefix("tensor(").removesuffix(")"),
                "meaning": meanings.get(value.name, ""),
            }
            for value in values
        ]
        for values in (session.get_inputs(), session.get_outputs())
    )
    return Part(path, inputs, outputs)


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(each.stat().st_size for each in _files(path))


def checksum(path: Path) -> str:
    """SHA-256 of a file; of a folder, that of its files in the order of their names."""
    total = hashlib.sha256()
    for each in _files(path):
        with each.open("rb") as stream:
            while chunk := stream.read(2**20):
                total.update(chunk)
    return total.hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def _versions() -> dict[str, str]:
    found = {}
    for name in ("edgeseg", "torch", "onnx", "onnxruntime", "openvino", "coremltools", *LITERT):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
