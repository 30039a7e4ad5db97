"""Base class of detectors that read their phrases as one caption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeseg.engines.grounding_dino.captions import Caption, captions, merge, phrase_scores, pick
from edgeseg.engines.torch.engine import TorchEngine
from edgeseg.engines.torch.placement import Placement
from edgeseg.types import Detections, FloatArray, Image

ForwardOutput = tuple[FloatArray, FloatArray]


class CaptionDetector(TorchEngine):
    """Scores are those of the model: the probability of a phrase's highest-scoring token.

    ``tokenizer`` is a fast one of transformers; ``limit`` is how many tokens the text encoder
    takes, those that begin and end a text included.
    """

    def __init__(
        self, name: str, placement: Placement, model: Any, tokenizer: Any, limit: int
    ) -> None:
        super().__init__(name, placement, model)
        self._tokenizer, self._limit = tokenizer, limit

    def prepare(self, image: Image) -> Any:
        """Return the pixels as the model takes them."""
        raise NotImplementedError

    def forward(self, pixels: Any, text: str) -> ForwardOutput:
        """(Q, 4) centres and sizes in parts of the image and (Q, T) probabilities of tokens."""
        raise NotImplementedError

    def detect(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> Detections:
        """Return boxes in pixels of the image, best first; a box may fit several phrases.

        A phrase's score must reach both thresholds. More phrases than the text encoder takes are
        encoded in chunks.
        """
        assert self.model is not None
        threshold = max(box_threshold, text_threshold)
        parts = captions(phrases, self._count, self._limit - 2)
        if not parts:
            return Detections.empty()
        pixels = self.prepare(image)
        detections = []
        for part in parts:
            with self.placement.inference():
                boxes, tokens = self.forward(pixels, part.text)
            scores = phrase_scores(tokens, part.tokens_of(self._offsets(part)))
            labels = [phrases[index] for index in part.indices]
            xyxy = corners(boxes, image.size_hw)
            detections.append(pick(xyxy, scores, labels, threshold, image.size_hw))
        return merge(detections)

    def _count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _offsets(self, caption: Caption) -> list[tuple[int, int]]:
        """Return the characters of each token that the model reads."""
        encoding = self._tokenizer(caption.text, return_offsets_mapping=True)
        return [(start, end) for start, end in encoding["offset_mapping"][: self._limit]]


def corners(boxes: FloatArray, size_hw: tuple[int, int]) -> FloatArray:
    """(Q, 4) boxes in pixels from centre and size in parts of the image."""
    height, width = size_hw
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    scale = np.array([width, height, width, height], np.float32)
    boxes_xyxy: FloatArray = np.concatenate([centre - half, centre + half], axis=1) * scale
    return boxes_xyxy
