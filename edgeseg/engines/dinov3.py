"""DINOv3 by transformers: a vector for each object, the mean of the patches under its mask.

Siméoni et al., "DINOv3", 2025. As in generated-segmentation: the image and its masks are scaled to
the model's square, bicubic and nearest; a patch counts where the mask covers more than half of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage

from edgeseg.engines.base import EngineOptions, ObjectEmbedder
from edgeseg.engines.torch.engine import TorchEngine
from edgeseg.engines.torch.hf import as_pillow, import_transformers
from edgeseg.engines.torch.placement import Placement
from edgeseg.types import BoolArray, FloatArray, Image

SIDE_PX = 224
_MIN_COVERED = 0.5


def load(options: EngineOptions) -> ObjectEmbedder:
    """Build an embedder from a folder with a model and its image processor."""
    return Dinov3(options.name, options.weights[0], Placement.from_options(options, half=False))


class Dinov3(TorchEngine):
    """Computes in float32, as published."""

    def __init__(self, name: str, folder: Path, placement: Placement) -> None:
        transformers = import_transformers()
        model = transformers.AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype="float32"
        )
        super().__init__(name, placement, model)
        processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        self._mean = np.array(processor.image_mean, np.float32)
        self._std = np.array(processor.image_std, np.float32)

    def embed_objects(self, image: Image, masks: BoolArray) -> FloatArray:
        """Return (N, D) float32 vectors of length 1 for (N, H, W) masks of the image.

        A mask that covers half of no patch has the mean of all patches.
        """
        tokens, cells = self._tokens(image), self._cells(masks)
        rows = [tokens[cell].mean(axis=0) if cell.any() else tokens.mean(axis=0) for cell in cells]
        if not rows:
            return np.zeros((0, tokens.shape[1]), np.float32)
        vectors = np.stack(rows)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        made: FloatArray = (vectors / np.maximum(lengths, 1e-8)).astype(np.float32)
        return made

    def _tokens(self, image: Image) -> FloatArray:
        """(P, D) vectors of the patches, row by row of the image."""
        small = as_pillow(image).resize((SIDE_PX, SIDE_PX), PillowImage.Resampling.BICUBIC)
        pixels = (np.asarray(small, np.float32) / 255 - self._mean) / self._std
        values = torch.from_numpy(pixels.transpose(2, 0, 1)[None]).to(self.placement.device)
        with self.placement.inference():
            made: Any = self.model(pixel_values=values).last_hidden_state[0]
        # One class token, then the registers, come before the patches.
        config: Any = self.model.config
        tokens: FloatArray = made[1 + int(config.num_register_tokens) :].float().cpu().numpy()
        return tokens

    def _cells(self, masks: BoolArray) -> BoolArray:
        """(N, P) patches that each mask covers by more than half."""
        config: Any = self.model.config
        count = SIDE_PX // int(config.patch_size)
        side = count * int(config.patch_size)
        cells = np.zeros((len(masks), count * count), bool)
        for row, mask in zip(cells, masks, strict=True):
            small = PillowImage.fromarray(mask.astype(np.uint8)).resize(
                (SIDE_PX, SIDE_PX), PillowImage.Resampling.NEAREST
            )
            inside = np.asarray(small, np.float32)[:side, :side]
            parts = inside.reshape(count, side // count, count, side // count)
            row[:] = (parts.mean(axis=(1, 3)) > _MIN_COVERED).ravel()
        return cells
