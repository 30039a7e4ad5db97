"""The nano embedder: what tells an object from others of its kind, offline.

Features of the encoder and colours are projected to where changes of light, size, background and
cut matter least and other objects of the class matter most (linear discriminant analysis, Fisher
1936; `training.nano.train_embedder`). The dimension is such that two images of one object reach a
cosine of 0.5 about as often as two objects of a class do not.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from edgeseg.engines.nano.letterbox import Letterbox
from edgeseg.engines.nano.object_features import INPUT_AREA_PX, features, window
from edgeseg.engines.nano.onnx_session import Network
from edgeseg.errors import EngineUnavailableError
from edgeseg.types import BoolArray, FloatArray, Image, UInt8Array


class NanoEmbedder:
    """Runs on the CPU in float32."""

    name = "nano"
    device = "cpu"
    dtype = "float32"

    def __init__(self, threads: int | None = None) -> None:
        self._encoder: Network | None = Network("encoder", threads)
        self._mean, self._projection = load_projection()

    def embed_objects(self, image: Image, masks: BoolArray) -> FloatArray:
        """Return (N, D) float32 vectors of length 1 for (N, H, W) masks of the image."""
        if self._encoder is None:
            raise RuntimeError("NanoEmbedder: used after close()")
        vectors: FloatArray = np.zeros((len(masks), self._projection.shape[1]), np.float32)
        for row, mask in enumerate(masks):
            vector = (measure(self._encoder, image.rgb, mask) - self._mean) @ self._projection
            vectors[row] = vector / max(1e-8, float(np.linalg.norm(vector)))
        return vectors

    def close(self) -> None:
        """Free the network."""
        self._encoder = None


def measure(encoder: Network, rgb: UInt8Array, mask: BoolArray) -> FloatArray:
    """Return the (F,) features of an object, encoded in a window of its own.

    So its size in the image does not matter, and neither does what stands beside it.
    """
    pixels, inner = window(rgb, mask)
    letterbox = Letterbox.for_size((pixels.shape[0], pixels.shape[1]), INPUT_AREA_PX)
    s8, s4, *_ = encoder.run(image=letterbox.render(pixels))
    return features(pixels, inner, s8[0], s4[0], letterbox)


def load_projection() -> tuple[FloatArray, FloatArray]:
    """(F,) mean of the features and their (F, D) projection."""
    path = files(__package__) / "weights" / "embedder.npz"
    try:
        with path.open("rb") as stream, np.load(stream) as data:
            return data["mean"].astype(np.float32), data["projection"].astype(np.float32)
    except (OSError, ValueError, KeyError) as error:
        raise EngineUnavailableError(
            "The nano weights embedder.npz cannot be read: install edgeseg again."
        ) from error
