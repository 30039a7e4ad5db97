"""An engine that detects and segments as annotations say: it separates reading from seeing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeseg.evaluation.data import Instance
from edgeseg.language.inflection import singular
from edgeseg.language.phrases import head, words
from edgeseg.types import Detections, Embedding, FloatArray, Image, MaskPrompt, Masks


class TrueObjects:
    """Finds the annotated instances of a class by its name, and gives their annotated masks.

    Like detectors, it heeds no adjectives: "blue cup" finds every cup. A box that is no
    instance's is its own mask.
    """

    name, device, dtype = "annotations", "cpu", "float32"

    def __init__(self, instances: Sequence[Instance], size_hw: tuple[int, int]) -> None:
        self._instances, self._size_hw = tuple(instances), size_hw

    def close(self) -> None:
        """Do nothing; there is nothing to free."""

    def detect(
        self, image: Image, phrases: Sequence[str], *, box_threshold: float, text_threshold: float
    ) -> Detections:
        """Return the instances of each phrase's class, with scores that tell them apart."""
        found = [
            (phrase, row)
            for phrase in phrases
            for row, each in enumerate(self._instances)
            if names(phrase, each.category) and not each.crowd
        ]
        boxes = boxes_of(self._instances)[[row for _, row in found]].reshape(-1, 4)
        scores = np.linspace(0.99, 0.9, len(found), dtype=np.float32)
        return Detections(boxes, scores, tuple(phrase for phrase, _ in found))

    def embed(self, image: Image) -> Embedding:
        """Return nothing but the image's size."""
        return Embedding(self.name, image.size_hw, ())

    def segment(self, embedding: Embedding, prompts: Sequence[MaskPrompt]) -> Masks:
        """Return the annotated masks of the boxes."""
        masks = np.zeros((len(prompts), *embedding.size_hw), np.bool_)
        boxes = boxes_of(self._instances)
        for mask, prompt in zip(masks, prompts, strict=True):
            assert prompt.box_xyxy is not None
            x0, y0, x1, y1 = (round(value) for value in prompt.box_xyxy)
            mask[y0:y1, x0:x1] = True
            near = np.abs(boxes - np.array(prompt.box_xyxy, np.float32)).max(axis=1)
            annotated = self._instances[int(near.argmin())].mask(embedding.size_hw)
            if near.min() < 1 and annotated is not None:
                mask[:] = annotated
        return Masks(masks, np.ones(len(prompts), np.float32))


def boxes_of(instances: Sequence[Instance]) -> FloatArray:
    """(N, 4) float32 boxes of instances, x0 y0 x1 y1 in pixels."""
    return np.array([each.box_xyxy for each in instances], np.float32).reshape(-1, 4)


def names(phrase: str, category: str) -> bool:
    """Tell whether a phrase names a class, whatever adjectives stand before it.

    >>> names("big dining tables", "dining table"), names("table", "dining table")
    (True, False)
    """
    tokens, wanted = words(phrase), words(category)
    if not tokens or not wanted:
        return False
    tokens[-1], wanted[-1] = singular(tokens[-1]), singular(wanted[-1])
    return tokens[-len(wanted) :] == wanted and head(phrase) in words(phrase)[-1:]
