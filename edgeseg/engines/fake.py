"""Engines without weights, to test a stack: synthetic results that depend on the request alone."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import numpy as np

from edgeseg.engines.base import (
    DetectCall,
    EngineOptions,
    MaskQuality,
    SegmentCall,
    SimplifyCall,
)
from edgeseg.language.phrases import split_phrases
from edgeseg.schemas import Entity, EntityExtraction, Simplification
from edgeseg.types import (
    BoolArray,
    Box,
    Candidates,
    ClassLogits,
    Detections,
    Embedding,
    FloatArray,
    Image,
    MaskCount,
    MaskPrompt,
    Masks,
)


class _Fake:
    """What all fake engines share: a name, and the time that each stage takes."""

    name = "fake"
    device = "cpu"
    dtype = "float32"

    def __init__(self, options: EngineOptions | None = None) -> None:
        options = options or EngineOptions()
        self._latency_s = options.fake_latency_s
        self._item_latency_s = options.fake_item_latency_s or 0.0
        self.answers_many = options.fake_item_latency_s is not None
        self._open = True

    def close(self) -> None:
        self._open = False

    def _work(self, items: int = 1) -> None:
        if not self._open:
            raise RuntimeError("the fake engine is closed")
        time.sleep(self._latency_s + self._item_latency_s * items)


class FakeSimplifier(_Fake):
    """Splits a prompt at its dots and changes nothing."""

    def simplify(self, prompt: str, image: Image | None = None) -> Simplification:
        """Return the parts of the prompt between dots as phrases."""
        return self.simplify_many([SimplifyCall(prompt, image)])[0]

    def simplify_many(self, calls: Sequence[SimplifyCall]) -> list[Simplification]:
        """Return what `simplify` does for each."""
        self._work(len(calls))
        return [
            Simplification(
                prompt=call.prompt,
                simplified_prompt=call.prompt,
                phrases=split_phrases(call.prompt),
                changed=False,
                reason="The fake simplifier changes nothing.",
            )
            for call in calls
        ]


class FakeDetector(_Fake):
    """Finds each phrase once, at a place that depends on the phrase and the image."""

    def detect(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> Detections:
        """Return a box per phrase with a score between 0.5 and 1, best first."""
        return self.detect_many([DetectCall(image, tuple(phrases), box_threshold, text_threshold)])[
            0
        ]

    def detect_many(self, calls: Sequence[DetectCall]) -> list[Detections]:
        """Return what `detect` does for each."""
        self._work(len(calls))
        return [self._detected(call.image, call.phrases, call.box_threshold) for call in calls]

    def _detected(self, image: Image, phrases: Sequence[str], box_threshold: float) -> Detections:
        if not phrases:
            return Detections.empty()
        boxes = [fake_box(image, phrase) for phrase in phrases]
        order = sorted(range(len(boxes)), key=lambda i: -boxes[i][1])
        detections = Detections(
            np.array([boxes[i][0] for i in order], np.float32),
            np.array([boxes[i][1] for i in order], np.float32),
            tuple(phrases[i] for i in order),
        )
        return detections.take(detections.scores >= box_threshold)


class FakeSegmenter(_Fake):
    """Draws the ellipse inside a box, discs round positive points, and none round negative ones."""

    mask_quality = MaskQuality(predicted_iou=0.5, stability=0.5)

    def embed(self, image: Image) -> Embedding:
        """Keep the first row of pixels, so that there is something to hold."""
        if not self._open:
            raise RuntimeError("the fake engine is closed")
        return Embedding(self.name, image.size_hw, (image.rgb[:1].copy(),))

    def segment(self, embedding: Embedding, prompts: Sequence[MaskPrompt]) -> Masks:
        """Return one mask per prompt with score 0.9."""
        return self.segment_many([SegmentCall(embedding, tuple(prompts))])[0]

    def segment_many(self, calls: Sequence[SegmentCall]) -> list[Masks]:
        """Return what `segment` does for each."""
        self._work(len(calls))
        return [self._segmented(call.embedding, call.prompts) for call in calls]

    def _segmented(self, embedding: Embedding, prompts: Sequence[MaskPrompt]) -> Masks:
        masks = np.zeros((len(prompts), *embedding.size_hw), bool)
        for mask, prompt in zip(masks, prompts, strict=True):
            _draw(mask, prompt)
        return Masks(masks, np.full(len(prompts), 0.9, np.float32))

    def candidates(
        self,
        embedding: Embedding,
        prompts: Sequence[MaskPrompt],
        count: MaskCount = 3,
        *,
        quick: bool = False,
    ) -> Candidates:
        """Return the one mask per prompt that `segment` returns, over the whole image."""
        made = self.segment(embedding, prompts)
        if not prompts:
            return Candidates.empty()
        height, width = embedding.size_hw
        window = np.array([0, 0, width, height], np.float32)
        logits = np.where(made.masks, np.float32(8), np.float32(-8))[:, None]
        return Candidates(logits, np.tile(window, (len(prompts), 1)), made.scores[:, None])


class FakeGrounder(_Fake):
    """The fake detector and the fake segmenter in one step."""

    def ground(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> tuple[Detections, Masks]:
        """Return what the fake detector finds, and an ellipse inside each box."""
        self._work()
        detections = FakeDetector().detect(
            image, phrases, box_threshold=box_threshold, text_threshold=text_threshold
        )
        segmenter = FakeSegmenter()
        prompts = [MaskPrompt(box_xyxy=_box(row)) for row in detections.boxes_xyxy]
        return detections, segmenter.segment(segmenter.embed(image), prompts)


def fake_box(image: Image, phrase: str) -> tuple[Box, float]:
    """Return the box in pixels and the score that the fake detector gives a phrase."""
    digest = hashlib.sha256(f"{image.sha256}/{phrase}".encode()).digest()
    height, width = image.size_hw
    a, b, c, d, e = (byte / 255 for byte in digest[:5])
    box_width, box_height = width * (0.2 + 0.3 * c), height * (0.2 + 0.3 * d)
    x0, y0 = a * (width - box_width), b * (height - box_height)
    return (x0, y0, x0 + box_width, y0 + box_height), 0.5 + 0.5 * e


def _box(row: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Box:
    x0, y0, x1, y1 = (float(value) for value in row)
    return x0, y0, x1, y1


def _draw(mask: BoolArray, prompt: MaskPrompt) -> None:
    """Fill ``mask`` (H, W) in place."""
    if prompt.previous is not None:
        mask |= prompt.previous
    elif prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        _ellipse(mask, (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2, True)
    radius = max(2.0, min(mask.shape) / 8)
    for (x, y), label in zip(prompt.points_xy, prompt.point_labels, strict=True):
        _ellipse(mask, float(x), float(y), radius, radius, bool(label))


def _ellipse(
    mask: BoolArray, centre_x: float, centre_y: float, radius_x: float, radius_y: float, value: bool
) -> None:
    """Set the pixels whose centres lie inside; only its own window is touched."""
    height, width = mask.shape
    left, right = max(0, int(centre_x - radius_x)), min(width, int(centre_x + radius_x) + 2)
    top, bottom = max(0, int(centre_y - radius_y)), min(height, int(centre_y + radius_y) + 2)
    rows = (np.arange(top, bottom)[:, None] + 0.5 - centre_y) / max(radius_y, 1e-6)
    columns = (np.arange(left, right)[None, :] + 0.5 - centre_x) / max(radius_x, 1e-6)
    mask[top:bottom, left:right][rows**2 + columns**2 <= 1] = value


class FakeExtractor(_Fake):
    """Splits a text at its dots and commas: each part is an entity."""

    def extract(self, text: str, image: Image | None = None) -> EntityExtraction:
        """Return the parts of the text as entities."""
        self._work()
        parts = dict.fromkeys(split_phrases(text.replace(",", ".")))
        entities = [Entity(label=part, phrase=part) for part in parts]
        return EntityExtraction(prompt=text, entities=entities)


class FakeEmbedder(_Fake):
    """Embeds an object as the mean of its pixels."""

    def embed_objects(self, image: Image, masks: BoolArray) -> FloatArray:
        """Return (N, 4) vectors of length 1: red, green, blue and a constant."""
        self._work()
        rows = np.ones((len(masks), 4), np.float32)
        for row, mask in zip(rows, masks, strict=True):
            if mask.any():
                row[:3] = image.rgb[mask].mean(axis=0) / 255
        made: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return made


class FakeClassSegmenter(_Fake):
    """Gives each class a band of the image, where its prompt says; any pack is taken."""

    base = None
    classes_at_once = 2

    def embed(self, image: Image) -> Embedding:
        """Keep nothing but the size."""
        if not self._open:
            raise RuntimeError("the fake engine is closed")
        return Embedding(self.name, image.size_hw, ())

    def decode_classes(self, embedding: Embedding, prompts: FloatArray) -> ClassLogits:
        """Return 16x16 maps: rows round the first number of a prompt, 0 to 1 from above."""
        self._work()
        rows = (np.arange(16, dtype=np.float32) + 0.5) / 16
        distance = np.abs(rows - prompts[:, 0, :1])
        logits = np.repeat((0.3 - distance)[:, :, None] * 10, 16, axis=2)
        height, width = embedding.size_hw
        return ClassLogits(logits.astype(np.float32), np.array([0, 0, width, height], np.float32))
