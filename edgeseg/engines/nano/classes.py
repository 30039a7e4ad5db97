"""The nano engine of classes: one encoding per photo, then a map for each class's prompt."""

from __future__ import annotations

import numpy as np

from edgeseg.engines.base import ClassBase
from edgeseg.engines.nano.letterbox import Letterbox
from edgeseg.engines.nano.onnx_session import Network
from edgeseg.types import ClassLogits, Embedding, FloatArray, Image

INPUT_AREA_PX = 384 * 288


class NanoClassSegmenter:
    """Runs on the CPU in float32; see the model card for data, figures and limits."""

    name = "nano"
    device = "cpu"
    dtype = "float32"

    def __init__(self, threads: int | None = None) -> None:
        self._encoder: Network | None = Network("classes_encoder", threads)
        self._decoder: Network | None = Network("classes_decoder", threads)
        facts = self._decoder.metadata
        self._base = ClassBase(
            facts["encoder"],
            self._encoder.metadata["fingerprint"],
            facts["fingerprint"],
            int(facts["width"]),
        )

    @property
    def base(self) -> ClassBase:
        """The shipped encoder and decoder."""
        return self._base

    def embed(self, image: Image) -> Embedding:
        """The maps that all classes on this image share, about 0.5 MB."""
        if self._encoder is None:
            raise RuntimeError("NanoClassSegmenter: used after close()")
        pixels = Letterbox.for_size(image.size_hw, INPUT_AREA_PX).render(image.rgb)
        return Embedding(self.name, image.size_hw, tuple(self._encoder.run(image=pixels)))

    def decode_classes(self, embedding: Embedding, prompts: FloatArray) -> ClassLogits:
        """Maps at a quarter of the input's size, over the padded photo."""
        if self._decoder is None:
            raise RuntimeError("NanoClassSegmenter: used after close()")
        image, middle, fine = embedding.arrays
        (logits,) = self._decoder.run(image=image, middle=middle, fine=fine, prompts=prompts)
        letterbox = Letterbox.for_size(embedding.size_hw, INPUT_AREA_PX)
        size_xy = np.array(letterbox.input_hw[::-1], np.float32) / letterbox.scale_xy
        return ClassLogits(logits, np.concatenate([np.zeros(2, np.float32), size_xy]))

    def close(self) -> None:
        """Free both networks."""
        self._encoder = self._decoder = None
