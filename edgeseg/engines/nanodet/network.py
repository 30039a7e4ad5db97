"""The network of NanoDet-Plus, run by ncnn on the CPU, and the boxes that its cells stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgeseg.engines.nano.letterbox import Letterbox
from edgeseg.engines.nanodet.ncnn_files import read_structure, require_weights
from edgeseg.types import FloatArray, Image

STRUCTURE, WEIGHTS = "nanodet-plus-m_416.param", "nanodet-plus-m_416.bin"
INPUT_AREA_PX = 416 * 416
CLASSES, SIDE_BINS = 80, 8
STRIDES = (8, 16, 32, 64)
# Of BGR pixels, as the network was trained.
MEAN = np.array([103.53, 116.28, 123.675], np.float32).reshape(3, 1, 1)
SCALE = np.array([0.017429, 0.017507, 0.017125], np.float32).reshape(3, 1, 1)


class NanoDetNetwork:
    """Structure and weights of ncnn's format in a folder.

    Raises OSError or ValueError for files that are missing, damaged or of another network.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        layers = read_structure(folder / STRUCTURE)
        require_weights(layers, folder / WEIGHTS)
        import ncnn

        self._ncnn = ncnn
        self._net = ncnn.Net()
        # Threads of OpenMP wait for each other in a loop: beside other work, two take many times
        # as long as one.
        self._net.opt.num_threads = threads or 1
        self._net.opt.openmp_blocktime = 0
        for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
            setattr(self._net.opt, name, False)
        if self._net.load_param(str(folder / STRUCTURE)) or self._net.load_model(
            str(folder / WEIGHTS)
        ):
            raise ValueError(f"ncnn cannot read {WEIGHTS}")

    def forward(self, image: Image) -> tuple[FloatArray, FloatArray]:
        """(L, 4) boxes in pixels of the image and (L, 80) scores in 0..1, a row for each cell."""
        letterbox = Letterbox.for_size(image.size_hw, INPUT_AREA_PX)
        rows = self.run(letterbox.render(image.rgb)[0])
        height, width = image.size_hw
        boxes = decode_boxes(rows[:, CLASSES:], letterbox.input_hw)
        boxes /= np.tile(letterbox.scale_xy, 2)
        return boxes.clip(0, [width, height, width, height]).astype(np.float32), rows[:, :CLASSES]

    def run(self, pixels: FloatArray) -> FloatArray:
        """(L, 112) outputs of (3, H, W) RGB pixels in 0..1: class scores, then four times 8 bins.

        Raises RuntimeError for an output of another form.
        """
        bgr = np.ascontiguousarray((pixels[::-1] * 255 - MEAN) * SCALE)
        extractor = self._net.create_extractor()
        # A Mat of an array does not own its memory.
        extractor.input("data", self._ncnn.Mat(bgr).clone())
        status, blob = extractor.extract("output")
        rows = np.array(blob, np.float32) if status == 0 else np.zeros((0, 0), np.float32)
        if rows.shape != (cell_count(bgr.shape[1:]), CLASSES + 4 * SIDE_BINS):
            raise RuntimeError(f"NanoDet-Plus: an output of shape {rows.shape}")
        return rows


def cell_count(input_hw: tuple[Any, ...]) -> int:
    """Return the number of cells of all strides."""
    height, width = input_hw
    return sum(-(-height // stride) * -(-width // stride) for stride in STRIDES)


def decode_boxes(bins: FloatArray, input_hw: tuple[int, int]) -> FloatArray:
    """(L, 4) xyxy in pixels of the input, from (L, 32) logits of distances to the four sides.

    A distance is the mean of its distribution over 0 to 7 strides (generalised focal loss; Li et
    al., 2020), from the upper left corner of its cell.
    """
    logits = bins.reshape(-1, 4, SIDE_BINS)
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    distances = odds @ np.arange(SIDE_BINS, dtype=np.float32) / odds.sum(-1)
    corners, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: -(-input_hw[0] // stride), : -(-input_hw[1] // stride)]
        corners.append(np.stack([x, y], -1).reshape(-1, 2) * stride)
        strides.append(np.full(x.size, stride))
    corner = np.concatenate(corners).astype(np.float32)
    distances *= np.concatenate(strides).astype(np.float32)[:, None]
    boxes: FloatArray = np.concatenate([corner - distances[:, :2], corner + distances[:, 2:]], 1)
    return boxes
