"""Grounding DINO and MM-Grounding-DINO by transformers: boxes for phrases.

Liu et al., "Grounding DINO: Marrying DINO with Grounded Pre-Training for Open-Set Object
Detection", 2023; Zhao et al., "An Open and Comprehensive Pipeline for Unified Object Grounding and
Detection", 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from edgeseg.engines.base import Detector, EngineOptions
from edgeseg.engines.grounding_dino.base import CaptionDetector, ForwardOutput
from edgeseg.engines.torch import deformable
from edgeseg.engines.torch.hf import as_pillow, import_transformers
from edgeseg.engines.torch.placement import Placement
from edgeseg.types import Image


def load(options: EngineOptions) -> Detector:
    """Build a detector from a folder with a model and its processor."""
    # In 16 bits the places at which the decoder samples the image would be rounded by pixels.
    return GroundingDino(
        options.name, options.weights[0], Placement.from_options(options, half=False)
    )


class GroundingDino(CaptionDetector):
    """Models that transformers loads by AutoModelForZeroShotObjectDetection."""

    def __init__(self, name: str, folder: Path, placement: Placement) -> None:
        transformers = import_transformers()
        model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype="float32"
        )
        deformable.patch_attention(model)
        processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)
        limit = int(model.config.max_text_len)
        super().__init__(name, placement, model, processor.tokenizer, limit)
        self._processor = processor.image_processor

    def prepare(self, image: Image) -> Any:
        """Return pixels and their mask."""
        inputs = self._processor(images=as_pillow(image), return_tensors="pt")
        return inputs.to(self.placement.device)

    @property
    def answers_many(self) -> bool:
        """Whether several images are searched faster than one by one: not on a CPU."""
        return self.placement.device.type != "cpu"

    def shape_of(self, pixels: Any) -> tuple[int, ...]:
        """Return that of the pixels, less the number of images."""
        return tuple(pixels["pixel_values"].shape[1:])

    def forward(self, pixels: Any, text: str) -> ForwardOutput:
        """Run the model on one caption."""
        return self.forward_many([pixels], [text])[0]

    def forward_many(self, pixels: Sequence[Any], texts: Sequence[str]) -> list[ForwardOutput]:
        """Run the model once on images and captions that are alike in shape."""
        joined = {name: torch.cat([each[name] for each in pixels]) for name in pixels[0]}
        words = self._tokenizer(
            list(texts),
            return_tensors="pt",
            return_token_type_ids=True,
            truncation=True,
            max_length=self._limit,
        )
        output = self.model(**joined, **words.to(self.placement.device))
        boxes, tokens = output.pred_boxes.float().cpu(), output.logits.float().sigmoid().cpu()
        return list(zip(boxes.numpy(), tokens.numpy(), strict=True))
