"""Files of ncnn's format, checked before its native code reads them: a structure and its weights.

The structure is text: a magic number, the numbers of layers and blobs, then a layer a line. Its
type and name are followed by the numbers of inputs and outputs, their names, and its parameters:

    Convolution  Conv_0  1 1  data 890  0=24 1=3 3=2 4=1 5=1 6=648     24 channels, 648 weights

The weights follow each other in the order of the layers: a tag of four bytes says whether a
layer's are float32 or float16, then come the weights and, in float32, the biases.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAGIC = "7767517"
MAX_STRUCTURE_BYTES = 1 << 20
MAX_WEIGHTS = 1 << 28
# What NanoDet-Plus is built of.
LAYER_TYPES = (
    *("BinaryOp", "Concat", "Convolution", "ConvolutionDepthWise", "Crop", "Input", "Interp"),
    *("Permute", "Pooling", "Reshape", "ShuffleChannel", "Sigmoid", "Slice", "Split"),
)
_WEIGHTED = ("Convolution", "ConvolutionDepthWise")
_OUTPUTS, _HAS_BIAS, _WEIGHTS = 0, 5, 6
_FLOAT32, _FLOAT16 = 0, 0x01306B47


@dataclass(frozen=True)
class Layer:
    """One line of a structure."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: Mapping[int, str]

    def number(self, key: int) -> int:
        """Return a parameter; 0 where the line has none."""
        return int(self.numbers.get(key, "0"))


def read_structure(path: Path) -> list[Layer]:
    """Return the layers of a structure from ``data`` to ``output``.

    Raises OSError for a file that cannot be read, and ValueError for one that is no structure of
    this family.
    """
    if path.stat().st_size > MAX_STRUCTURE_BYTES:
        raise ValueError(f"{path.name} is too large for a structure")
    lines = path.read_text("ascii").split("\n")
    try:
        layers = [_layer(line) for line in lines[2:] if line.strip()]
        layer_count, _ = map(int, lines[1].split())
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path.name} is no structure of ncnn") from error
    if lines[0].strip() != MAGIC or len(layers) != layer_count:
        raise ValueError(f"{path.name} is no structure of ncnn")
    _require_chain(layers, path.name)
    return layers


def require_weights(layers: list[Layer], path: Path) -> None:
    """Raise ValueError unless a file holds exactly the weights of these layers."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        for layer in layers:
            if layer.kind not in _WEIGHTED:
                continue
            tag = struct.unpack("<I", stream.read(4).ljust(4, b"\xff"))[0]
            if tag not in (_FLOAT32, _FLOAT16):
                raise ValueError(f"{path.name} holds weights of an unknown kind")
            weights = layer.number(_WEIGHTS) * (4 if tag == _FLOAT32 else 2)
            biases = 4 * layer.number(_OUTPUTS) * layer.number(_HAS_BIAS)
            stream.seek(-(-weights // 4) * 4 + biases, 1)
        if stream.tell() != size:
            raise ValueError(f"{path.name} does not hold the weights of its structure")


def _layer(line: str) -> Layer:
    kind, _, input_count, output_count, *rest = line.split()
    split = int(input_count), int(input_count) + int(output_count)
    numbers = dict(part.split("=") for part in rest[split[1] :])
    layer = Layer(
        kind,
        tuple(rest[: split[0]]),
        tuple(rest[split[0] : split[1]]),
        {int(key): value for key, value in numbers.items()},
    )
    if layer.kind in _WEIGHTED:
        counts = [layer.number(key) for key in (_OUTPUTS, _HAS_BIAS, _WEIGHTS)]
        if min(counts) < 0 or max(counts) > MAX_WEIGHTS:
            raise ValueError("a number is out of range")
    return layer


def _require_chain(layers: list[Layer], name: str) -> None:
    """Raise ValueError unless each layer is of this family and reads what an earlier one wrote."""
    known: set[str] = set()
    for layer in layers:
        if layer.kind not in LAYER_TYPES:
            raise ValueError(f"{name} has a layer {layer.kind[:40]}, which NanoDet-Plus has not")
        if not known.issuperset(layer.inputs) or not known.isdisjoint(layer.outputs):
            raise ValueError(f"{name} is no chain of layers")
        known.update(layer.outputs)
    if layers[0].outputs != ("data",) or layers[-1].outputs != ("output",):
        raise ValueError(f"{name} does not lead from data to output")
