"""SAM 3 by transformers: boxes and masks for phrases in one step.

Carion et al., "SAM 3: Segment Anything with Concepts", 2025. The image is encoded once for all
phrases.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from edgeseg.engines.base import EngineOptions, Grounder
from edgeseg.engines.sam.base import CPU_CHUNK, GPU_CHUNK
from edgeseg.engines.torch.engine import TorchEngine
from edgeseg.engines.torch.hf import as_pillow, import_transformers
from edgeseg.engines.torch.placement import Placement, in_chunks
from edgeseg.types import BoolArray, Detections, FloatArray, Image, Masks


def load(options: EngineOptions) -> Grounder:
    """Build a grounder from a folder with a model and its processor."""
    return Sam3(
        options.name, options.weights[0], Placement.from_options(options), options.mask_threshold
    )


class Sam3(TorchEngine):
    """A score is how likely the phrase is there at all, times how likely this is it."""

    def __init__(
        self, name: str, folder: Path, placement: Placement, mask_threshold: float = 0.5
    ) -> None:
        transformers = import_transformers()
        model = transformers.Sam3Model.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype="float32"
        )
        super().__init__(name, placement, model)
        self._mask_threshold = mask_threshold
        self._processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)

    def ground(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> tuple[Detections, Masks]:
        """Return boxes in pixels of the image, best first, and the mask of each.

        A score must reach both thresholds. A phrase longer than the text encoder takes is cut.
        """
        assert self.model is not None
        threshold = max(box_threshold, text_threshold)
        asked = [phrase for phrase in phrases if phrase.strip()]
        if not asked:
            return Detections.empty(), _no_masks(image)
        with self.placement.inference():
            pixels = self._processor(images=as_pillow(image), return_tensors="pt")
            values = pixels["pixel_values"].to(self.placement.device)
            features = self.model.get_vision_features(pixel_values=values)
            parts = [self._find(features, phrase, threshold) for phrase in asked]
        scores = np.concatenate([part[1] for part in parts])
        order = np.argsort(-scores, kind="stable")
        labels = [label for label, part in zip(asked, parts, strict=True) for _ in part[1]]
        height, width = image.size_hw
        edges = np.array([width, height, width, height], np.float32)
        boxes = np.concatenate([part[0] for part in parts]) * edges
        detections = Detections(
            boxes[order].clip(0, edges).astype(np.float32),
            scores[order],
            tuple(labels[index] for index in order),
        )
        small = torch.cat([part[2] for part in parts])[torch.from_numpy(order)]
        return detections, Masks(self._enlarge(small, image.size_hw), scores[order])

    def _find(
        self, features: Any, phrase: str, threshold: float
    ) -> tuple[FloatArray, FloatArray, torch.Tensor]:
        """(N, 4) boxes in parts of the image, (N,) scores and (N, h, w) chances of pixels."""
        text = self._processor(text=phrase.strip(), return_tensors="pt").to(self.placement.device)
        output = self.model(
            vision_embeds=features,
            input_ids=text["input_ids"],
            attention_mask=text["attention_mask"],
        )
        scores = (
            output.pred_logits[0].float().sigmoid() * output.presence_logits[0].float().sigmoid()
        )
        keep = (scores >= threshold) & (scores > 0)
        return (
            output.pred_boxes[0][keep].float().cpu().numpy(),
            scores[keep].cpu().numpy().astype(np.float32),
            output.pred_masks[0][keep].float().sigmoid().cpu(),
        )

    def _enlarge(self, small: torch.Tensor, size_hw: tuple[int, int]) -> BoolArray:
        """(N, H, W) masks in pixels of the image."""
        height, width = size_hw
        masks = np.zeros((len(small), height, width), bool)
        chunk = CPU_CHUNK if self.placement.device.type == "cpu" else GPU_CHUNK

        def run(part: Sequence[int]) -> Sequence[int]:
            picked = small[list(part)][:, None].to(self.placement.device)
            large = interpolate(picked, size_hw, mode="bilinear", align_corners=False)
            masks[list(part)] = (large[:, 0] > self._mask_threshold).cpu().numpy()
            return part

        in_chunks(range(len(small)), chunk, run)
        return masks


def _no_masks(image: Image) -> Masks:
    return Masks(np.zeros((0, *image.size_hw), bool), np.zeros(0, np.float32))
