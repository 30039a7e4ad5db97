"""A small NanoDet-Plus with random weights, in ncnn's format: text, and float16 weights."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from edgeseg.engines.nanodet.network import CLASSES, SIDE_BINS, STRIDES, STRUCTURE, WEIGHTS

CHANNELS = 16
FLOAT16_TAG = 0x01306B47


def write(folder: Path, seed: int = 0) -> None:
    """Write structure and weights into ``folder``, as the published model's are.

    A convolution of 8x8 pixels makes the finest level, each further one halves it, and each level
    has a head of one convolution.
    """
    network = _Network(np.random.default_rng(seed))
    network.add("Input data 0 1 data")
    feature = "data"
    for level, stride in enumerate(STRIDES):
        shape = "1=8 3=8" if level == 0 else "1=3 3=2 4=1"
        network.convolution(
            f"down{stride}", feature, CHANNELS, 3 if level == 0 else CHANNELS, shape
        )
        network.add(f"Split split{stride} 1 2 down{stride} on{stride} to{stride}")
        feature = f"on{stride}"
        network.head(stride)
    heads = " ".join(f"flat{stride}" for stride in STRIDES)
    network.add(f"Concat levels {len(STRIDES)} 1 {heads} levels 0=1")
    network.add("Permute permute 1 1 levels output 0=1")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STRUCTURE).write_text(network.text(), "ascii")
    (folder / WEIGHTS).write_bytes(network.weights)


class _Network:
    """The lines of a structure, and the weights of its convolutions."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._lines: list[str] = []
        self.weights = b""

    def add(self, line: str) -> None:
        self._lines.append(line)

    def convolution(self, name: str, source: str, width: int, inputs: int, shape: str) -> None:
        """Add one with random weights that keep the spread of what comes in."""
        side = int(shape[2])
        count = width * inputs * side * side
        self.add(f"Convolution {name} 1 1 {source} {name} 0={width} {shape} 5=1 6={count}")
        spread = 2 / np.sqrt(inputs * side * side)
        values = self._random.normal(0, spread, count).astype(np.float16).tobytes()
        self.weights += struct.pack("<I", FLOAT16_TAG) + values.ljust(-(-len(values) // 4) * 4)
        self.weights += self._random.normal(0, 0.5, width).astype(np.float32).tobytes()

    def head(self, stride: int) -> None:
        """Add the scores and the distances of a level, as rows of a matrix."""
        width = CLASSES + 4 * SIDE_BINS
        self.convolution(f"head{stride}", f"to{stride}", width, CHANNELS, "1=1")
        parts = f"class{stride} bins{stride}"
        self.add(f"Slice slice{stride} 1 2 head{stride} {parts} -23300=2,{CLASSES},-233")
        self.add(f"Sigmoid sigmoid{stride} 1 1 class{stride} score{stride}")
        self.add(f"Concat joined{stride} 2 1 score{stride} bins{stride} joined{stride}")
        self.add(f"Reshape flat{stride} 1 1 joined{stride} flat{stride} 0=-1 1={width}")

    def text(self) -> str:
        """The whole structure."""
        blobs = sum(int(line.split()[3]) for line in self._lines)
        return "\n".join(["7767517", f"{len(self._lines)} {blobs}", *self._lines, ""])
