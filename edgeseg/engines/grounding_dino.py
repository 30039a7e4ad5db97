"""Grounding DINO and MM-Grounding-DINO by transformers: boxes for phrases.

Liu et al., "Grounding DINO: Marrying DINO with Grounded Pre-Training for Open-Set Object
Detection", 2023; Zhao et al., "An Open and Comprehensive Pipeline for Unified Object Grounding and
Detection", 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeseg.engines.base import Detector, EngineOptions
from edgeseg.engines.captions import Caption, captions, merge, phrase_scores, pick
from edgeseg.engines.hf import as_pillow, import_transformers
from edgeseg.engines.torch_engine import TorchEngine
from edgeseg.engines.torch_place import Place
from edgeseg.types import Detections, FloatArray, Image


def load(options: EngineOptions) -> Detector:
    """Build a detector from a folder with a model and its processor."""
    # In 16 bits the places at which the decoder samples the picture would be rounded by pixels.
    return GroundingDino(options.name, options.weights[0], Place.of(options, half=False))


class GroundingDino(TorchEngine):
    """Scores are those of the model: the probability of the surest token of a phrase."""

    def __init__(self, name: str, folder: Path, place: Place) -> None:
        transformers = import_transformers()
        model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype="float32"
        )
        super().__init__(name, place, model)
        processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)
        self._pixels, self._tokenizer = processor.image_processor, processor.tokenizer
        self._limit = int(model.config.max_text_len)

    def detect(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> Detections:
        """Return boxes in pixels of the image, best first; a box may fit several phrases.

        A phrase's score must reach both thresholds. More phrases than the text encoder takes go
        through it in turns.
        """
        model = self.model
        threshold = max(box_threshold, text_threshold)
        parts = captions(phrases, self._count, self._limit - 2)
        if not parts:
            return Detections.empty()
        inputs = self._pixels(images=as_pillow(image), return_tensors="pt").to(self.place.device)
        found = []
        for part in parts:
            boxes, scores = self._look(model, inputs, part, image.size_hw)
            labels = [phrases[index] for index in part.indices]
            found.append(pick(boxes, scores, labels, threshold, image.size_hw))
        return merge(found)

    def _count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _look(
        self, model: Any, pixels: Any, caption: Caption, size_hw: tuple[int, int]
    ) -> tuple[FloatArray, FloatArray]:
        """(Q, 4) boxes in pixels of the image and (Q, P) scores of the caption's phrases."""
        text = self._tokenizer(
            caption.text,
            return_tensors="pt",
            return_token_type_ids=True,
            return_offsets_mapping=True,
            truncation=True,
            max_length=self._limit,
        )
        positions = caption.tokens_of(text.pop("offset_mapping")[0].tolist())
        with self.place.inference():
            made = model(**pixels, **text.to(self.place.device))
        tokens = made.logits[0].float().sigmoid().cpu().numpy()
        boxes = corners(made.pred_boxes[0].float().cpu().numpy(), size_hw)
        return boxes, phrase_scores(tokens, positions)


def corners(boxes: FloatArray, size_hw: tuple[int, int]) -> FloatArray:
    """(Q, 4) boxes in pixels from centre and size in parts of the image."""
    height, width = size_hw
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    scale = np.array([width, height, width, height], np.float32)
    made: FloatArray = np.concatenate([centre - half, centre + half], axis=1) * scale
    return made
