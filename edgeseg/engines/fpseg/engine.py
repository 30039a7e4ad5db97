"""FPSeg as an engine of classes: what the pipeline and the services load."""

from __future__ import annotations

import numpy as np
import torch

from edgeseg.engines.base import ClassBase, ClassSegmenter, EngineOptions
from edgeseg.engines.edge_sam.model import fuse
from edgeseg.engines.fpseg.checkpoint import read_checkpoint
from edgeseg.engines.fpseg.model import FPSeg
from edgeseg.engines.sam.sam2 import find_checkpoint
from edgeseg.engines.torch.engine import TorchEngine
from edgeseg.engines.torch.placement import Placement
from edgeseg.types import ClassLogits, Embedding, FloatArray, Image


def load(options: EngineOptions) -> ClassSegmenter:
    """Build the engine from a checkpoint of FPSeg, or a folder with one."""
    model = read_checkpoint(find_checkpoint(options.weights[0]))
    return FPSegClassSegmenter(options.name, Placement.from_options(options), model)


class FPSegClassSegmenter(TorchEngine):
    """Encodes an image once and decodes tuned prompts, those of packs for its weights.

    The prompts in the checkpoint are not used: a pack holds them. The decoder computes in float32,
    since it is small and its logits are compared between classes.
    """

    classes_at_once = 2

    def __init__(self, name: str, placement: Placement, model: FPSeg) -> None:
        # Fingerprints are those of the weights as they were trained and written.
        self._base = model.base()
        fuse(model)
        super().__init__(name, placement, model)

    @property
    def base(self) -> ClassBase:
        """The encoder and the decoder of the checkpoint."""
        return self._base

    def embed(self, image: Image) -> Embedding:
        """Return the (1, 256, 64, 64) map, about 4 MB, of the image stretched to the square."""
        pixels = torch.tensor(image.rgb, device=self.placement.device).permute(2, 0, 1)[None]
        with self.placement.inference():
            made = self.model.encode(pixels).float().cpu().numpy()
        return Embedding(self.name, image.size_hw, (made,))

    def decode_classes(self, embedding: Embedding, prompts: FloatArray) -> ClassLogits:
        """Return maps at a quarter of the input's size, over the whole image."""
        device = self.placement.device
        with torch.inference_mode():
            features = torch.from_numpy(embedding.arrays[0]).to(device)
            made = self.model.decode_prompts(features, torch.from_numpy(prompts).to(device))
        height, width = embedding.size_hw
        return ClassLogits(made.cpu().numpy(), np.array([0, 0, width, height], np.float32))
