"""The nano embedder: colours and the segmenter's features of an object, offline."""

from __future__ import annotations

import numpy as np
from PIL import Image as PillowImage

from edgeseg.engines.nano.letterbox import Letterbox
from edgeseg.engines.nano.onnx_session import Network
from edgeseg.engines.nano.segmenter import INPUT_AREA_PX
from edgeseg.types import BoolArray, FloatArray, Image, UInt8Array

_BINS = 4


class NanoEmbedder:
    """Runs on the CPU in float32."""

    name = "nano"
    device = "cpu"
    dtype = "float32"

    def __init__(self, threads: int | None = None) -> None:
        self._encoder: Network | None = Network("encoder", threads)

    def embed_objects(self, image: Image, masks: BoolArray) -> FloatArray:
        """Return (N, D) float32 vectors of length 1 for (N, H, W) masks of the image."""
        if self._encoder is None:
            raise RuntimeError("NanoEmbedder: used after close()")
        if not len(masks):
            return np.zeros((0, 1), np.float32)
        rows = [self._embed(image, mask) for mask in masks]
        return np.stack(rows)

    def close(self) -> None:
        """Free the network."""
        self._encoder = None

    def _embed(self, image: Image, mask: BoolArray) -> FloatArray:
        """Encode the object's own window, so that its size in the image does not matter."""
        assert self._encoder is not None
        part, inner = cut_out(image.rgb, mask)
        letterbox = Letterbox.for_size((part.shape[0], part.shape[1]), INPUT_AREA_PX)
        s8 = self._encoder.run(image=letterbox.render(part))[0][0]
        small = PillowImage.fromarray(inner.astype(np.uint8) * 255).resize(
            (s8.shape[2], s8.shape[1]), PillowImage.Resampling.BOX
        )
        weights = np.asarray(small, np.float32) / 255
        weights = weights if weights.sum() > 0 else np.ones_like(weights)
        pooled = (s8.astype(np.float32) * weights).sum(axis=(1, 2)) / weights.sum()
        return _unit(np.concatenate([_unit(pooled), _unit(histogram(part, inner))]))


def cut_out(rgb: UInt8Array, mask: BoolArray) -> tuple[UInt8Array, BoolArray]:
    """Return the window of a mask, grey beside it, and the mask in it."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return np.full((8, 8, 3), 128, np.uint8), np.ones((8, 8), bool)
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    inner = mask[window]
    part = np.where(inner[..., None], rgb[window], np.uint8(128))
    return part.astype(np.uint8), inner


def histogram(rgb: UInt8Array, mask: BoolArray) -> FloatArray:
    """(_BINS ** 3,) square roots of the shares of colours under a mask."""
    bins = (rgb[mask].astype(np.int64) * _BINS) // 256
    index = (bins[:, 0] * _BINS + bins[:, 1]) * _BINS + bins[:, 2]
    counts = np.bincount(index, minlength=_BINS**3).astype(np.float32)
    made: FloatArray = np.sqrt(counts / max(1.0, counts.sum()))
    return made


def _unit(vector: FloatArray) -> FloatArray:
    made: FloatArray = vector / max(1e-8, float(np.linalg.norm(vector)))
    return made.astype(np.float32)
