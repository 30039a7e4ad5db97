"""Masks of a photo by an exported EdgeSAM, with onnxruntime, NumPy and Pillow: no torch.

    edgeseg export-model edge-sam --to onnx --processing -o out
    python examples/onnx_predictor.py out photo.jpg --box 60 40 400 290 -o mask.png

The files of other engines that are exported with --processing work the same.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image, ImageOps

Array = npt.NDArray[Any]
INSIDE, OUTSIDE, TOP_LEFT, BOTTOM_RIGHT = 1, 0, 2, 3


class Predictor:
    """Encodes a photo once, then answers prompts about it."""

    def __init__(self, folder: Path) -> None:
        self.encoder = self._session(folder, "encoder")
        self.decoder = self._session(folder, "decoder")
        self.size_hw = (0, 0)
        self.embeddings: Array | None = None

    @staticmethod
    def _session(folder: Path, part: str) -> Any:
        files = sorted(folder.glob(f"*_{part}.onnx"))
        if len(files) != 1:
            raise SystemExit(f"{folder}: expected one *_{part}.onnx, found {len(files)}.")
        # A GPU is used where onnxruntime has one.
        return onnxruntime.InferenceSession(
            str(files[0]), providers=onnxruntime.get_available_providers()
        )

    def set_image(self, rgb: Array) -> None:
        """Encode (H, W, 3) uint8 pixels."""
        self.size_hw = rgb.shape[:2]
        (self.embeddings,) = self.encoder.run(None, {"photo": rgb})

    def predict(
        self,
        points: list[tuple[float, float]] | None = None,
        labels: list[int] | None = None,
        box: tuple[float, float, float, float] | None = None,
    ) -> tuple[Array, Array]:
        """Return (4, H, W) bool masks and (4,) scores.

        ``points`` are x, y in pixels of the photo, ``labels`` 1 inside and 0 outside; ``box`` is
        x0, y0, x1, y1. The first mask is for prompts that leave no doubt, as a box.
        """
        if self.embeddings is None:
            raise RuntimeError("call set_image first")
        places, kinds = list(points or []), list(labels or [])
        if box is not None:
            places += [box[:2], box[2:]]
            kinds += [TOP_LEFT, BOTTOM_RIGHT]
        scores, masks = self.decoder.run(
            ["scores", "masks"],
            {
                "image_embeddings": self.embeddings,
                "point_coords": np.array([places], np.float32),
                "point_labels": np.array([kinds], np.int64),
                "photo_size_hw": np.array(self.size_hw, np.int64),
            },
        )
        return masks[0] > 0, scores[0]


def main() -> None:
    """Cut one object out of a photo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="where the two ONNX files are")
    parser.add_argument("photo", type=Path)
    parser.add_argument("--box", type=float, nargs=4, metavar=("X0", "Y0", "X1", "Y1"))
    parser.add_argument("--inside", type=float, nargs=2, action="append", default=[])
    parser.add_argument("--outside", type=float, nargs=2, action="append", default=[])
    parser.add_argument("-o", "--out", type=Path, default=Path("mask.png"))
    arguments = parser.parse_args()
    points = [tuple(each) for each in (*arguments.inside, *arguments.outside)]
    labels = [INSIDE] * len(arguments.inside) + [OUTSIDE] * len(arguments.outside)
    if not points and arguments.box is None:
        parser.error("name a --box, or points --inside or --outside")
    predictor = Predictor(arguments.folder)
    with Image.open(arguments.photo) as photo:
        rgb = np.asarray(ImageOps.exif_transpose(photo).convert("RGB"))
    start = time.perf_counter()
    predictor.set_image(rgb)
    encoded = time.perf_counter()
    masks, scores = predictor.predict(points, labels, arguments.box)
    decoded = time.perf_counter()
    # One click could mean a part or the whole: the best of four; else the first.
    is_ambiguous = arguments.box is None and len(points) == 1
    best = int(scores.argmax()) if is_ambiguous else 0
    Image.fromarray(masks[best].astype(np.uint8) * 255).save(arguments.out)
    print(
        f"{arguments.out}: {masks[best].mean():.1%} of the photo, score {scores[best]:.2f}; "
        f"encoded in {encoded - start:.2f} s, decoded in {decoded - encoded:.2f} s"
    )


if __name__ == "__main__":
    main()
