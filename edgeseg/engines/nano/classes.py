"""The nano engine of classes: one encoding per photo, then a map for each class's prompt."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from edgeseg.engines.base import ClassBase
from edgeseg.engines.nano.letterbox import Letterbox
from edgeseg.engines.nano.onnx_session import Array, Network
from edgeseg.platforms import cpu_count
from edgeseg.types import ClassLogits, Embedding, FloatArray, Image

# A photo of 4:3 becomes 352x256: mean IoU 0.017 below that of 384x288, at four fifths of the time.
INPUT_AREA_PX = 341 * 256
# Classes of one run of the decoder.
AT_ONCE = 2


class NanoClassSegmenter:
    """Runs on the CPU in float32; see the model card for data, figures and limits."""

    name = "nano"
    device = "cpu"
    dtype = "float32"
    classes_at_once = 2 * AT_ONCE

    def __init__(self, threads: int | None = None) -> None:
        self._encoder: Network | None = Network("classes_encoder", threads)
        # Its steps are too small to be shared by cores: runs of a few classes go side by side.
        self._decoder: Network | None = Network("classes_decoder", 1)
        self._pool = ThreadPoolExecutor(threads or cpu_count())
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
        run = partial(self._decoder.run, image=image, middle=middle, fine=fine)

        def some(start: int) -> Array:
            return run(prompts=prompts[start : start + AT_ONCE])[0]

        logits = np.concatenate(list(self._pool.map(some, range(0, len(prompts), AT_ONCE))))
        letterbox = Letterbox.for_size(embedding.size_hw, INPUT_AREA_PX)
        size_xy = np.array(letterbox.input_hw[::-1], np.float32) / letterbox.scale_xy
        return ClassLogits(logits, np.concatenate([np.zeros(2, np.float32), size_xy]))

    def close(self) -> None:
        """Free both networks."""
        self._encoder = self._decoder = None
        self._pool.shutdown()
