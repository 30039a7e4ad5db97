"""Base class of detectors that read their phrases as one caption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeseg.engines.base import DetectCall
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

    def forward_many(self, pixels: Sequence[Any], texts: Sequence[str]) -> list[ForwardOutput]:
        """Return what `forward` does for each image and its caption, which are alike in shape."""
        return [self.forward(*each) for each in zip(pixels, texts, strict=True)]

    def shape_of(self, pixels: Any) -> tuple[int, ...]:
        """Return what must be equal for images that go through the model together."""
        return ()

    @property
    def answers_many(self) -> bool:
        """Whether several images are searched faster than one by one."""
        return False

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
        call = DetectCall(image, tuple(phrases), box_threshold, text_threshold)
        return self.detect_many([call])[0]

    def detect_many(self, calls: Sequence[DetectCall]) -> list[Detections]:
        """Return what `detect` does for each.

        Images of one shape with captions of as many tokens go through the model together: nothing
        is padded, which would change what is found.
        """
        assert self.model is not None
        detections: list[list[Detections]] = [[] for _ in calls]
        alike: dict[tuple[int, ...], list[tuple[int, Any, Caption]]] = {}
        for row, call in enumerate(calls):
            parts = captions(call.phrases, self._count, self._limit - 2)
            pixels = self.prepare(call.image) if parts else None
            for number, part in enumerate(parts):
                # Captions of one image follow each other, as its memory was measured.
                key = (number, self._count(part.text), *self.shape_of(pixels))
                alike.setdefault(key, []).append((row, pixels, part))
        for group in alike.values():
            rows, images, texts = zip(*group, strict=True)
            with self.placement.inference():
                outputs = self.forward_many(images, [each.text for each in texts])
            for row, part, output in zip(rows, texts, outputs, strict=True):
                detections[row].append(self._picked(calls[row], part, output))
        return [merge(each) if each else Detections.empty() for each in detections]

    def _picked(self, call: DetectCall, part: Caption, output: ForwardOutput) -> Detections:
        boxes, tokens = output
        scores = phrase_scores(tokens, part.tokens_of(self._offsets(part)))
        labels = [call.phrases[index] for index in part.indices]
        size_hw = call.image.size_hw
        threshold = max(call.box_threshold, call.text_threshold)
        return pick(corners(boxes, size_hw), scores, labels, threshold, size_hw)

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
