"""The nano segmenter: one encoding per photo, then a mask for each box or set of points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeseg.engines.base import MaskQuality
from edgeseg.engines.components import tidy
from edgeseg.engines.nano.letterbox import Letterbox
from edgeseg.engines.nano.onnx_session import Network
from edgeseg.engines.nano.prompts import (
    PREVIOUS,
    channels,
    crop_around,
    mask_box,
    mask_channel,
)
from edgeseg.engines.paste import paste
from edgeseg.types import (
    Candidates,
    Embedding,
    FloatArray,
    Image,
    IntArray,
    MaskCount,
    MaskPrompt,
    Masks,
)

INPUT_AREA_PX = 384 * 288
# Prompts decoded together; more at a time need more memory and are no faster on a CPU.
CHUNK = 8
REFINEMENT_ITERATIONS = 2
"""The first mask is fed back as the mask prompt of the second; a third no longer improves it."""
_BOX_MAP_STRIDE = 8


class NanoSegmenter:
    """Runs on the CPU in float32; see the model card for data, figures and limits."""

    name = "nano"
    device = "cpu"
    dtype = "float32"
    mask_quality = MaskQuality(predicted_iou=0.6, stability=0.7)

    def __init__(self, threads: int | None = None, mask_logit: float = 0.0) -> None:
        self._mask_logit = np.float32(mask_logit)
        self._encoder: Network | None = Network("encoder", threads)
        self._decoder: Network | None = Network("decoder", threads)

    def embed(self, image: Image) -> Embedding:
        """The maps that all prompts on this image share, about 3 MB."""
        if self._encoder is None:
            raise RuntimeError("NanoSegmenter: used after close()")
        pixels = Letterbox.for_size(image.size_hw, INPUT_AREA_PX).render(image.rgb)
        return Embedding(self.name, image.size_hw, (*self._encoder.run(image=pixels), pixels))

    def segment(self, embedding: Embedding, prompts: Sequence[MaskPrompt]) -> Masks:
        """One mask per prompt in pixels of the embedded image; scores are predicted IoUs."""
        candidates = self.candidates(embedding, prompts, 1)
        masks = np.zeros((len(prompts), *embedding.size_hw), bool)
        for mask, window, logits in zip(
            masks, candidates.windows_xyxy, candidates.logits, strict=True
        ):
            paste(mask, window, logits[0])
        return Masks(masks, candidates.scores[:, 0])

    def candidates(
        self,
        embedding: Embedding,
        prompts: Sequence[MaskPrompt],
        count: MaskCount = 3,
        *,
        quick: bool = False,
    ) -> Candidates:
        """One mask per prompt, whatever the count, over a crop round what the prompt means."""
        if not prompts:
            return Candidates.empty()
        iterations = 1 if quick else REFINEMENT_ITERATIONS
        parts = [
            self._decode(embedding, prompts[start : start + CHUNK], iterations)
            for start in range(0, len(prompts), CHUNK)
        ]
        crops, logits, scores = (np.concatenate(each) for each in zip(*parts, strict=True))
        above = logits - self._mask_logit
        for row, (crop, prompt) in enumerate(zip(crops, prompts, strict=True)):
            cells = cells_of(prompt.points_xy, crop, above[row])
            positive = prompt.point_labels == 1
            above[row] = tidy(above[row], cells[positive], cells[~positive])
        return Candidates(above[:, None], crops, scores[:, None].astype(np.float32))

    def close(self) -> None:
        """Free both networks."""
        self._encoder = self._decoder = None

    def _decode(
        self, embedding: Embedding, prompts: Sequence[MaskPrompt], iterations: int
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(N, 4) crops in pixels of the image, (N, 128, 128) logits over them, (N,) scores."""
        letterbox = Letterbox.for_size(embedding.size_hw, INPUT_AREA_PX)
        crops, inputs = [], []
        for prompt in prompts:
            box = prompt_box(embedding, letterbox, prompt)
            crop = crop_around(box, prompt.points_xy[prompt.point_labels == 1])
            crops.append(crop)
            inputs.append(channels(crop, box, prompt.box_xyxy is not None, prompt))
        crop_array, prompt_array = np.stack(crops), np.stack(inputs)
        logits, quality = self._forward(embedding, letterbox, crop_array, prompt_array)
        for _ in range(iterations - 1):
            prompt_array[:, PREVIOUS] = mask_channel(logits)
            logits, quality = self._forward(embedding, letterbox, crop_array, prompt_array)
        return crop_array, logits, quality

    def _forward(
        self, embedding: Embedding, letterbox: Letterbox, crops: FloatArray, prompts: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """(N, 128, 128) logits and (N,) scores of (N, 5, 64, 64) prompts."""
        if self._decoder is None:
            raise RuntimeError("NanoSegmenter: used after close()")
        s8, s4, _, pixels = embedding.arrays
        size_xy = np.array(letterbox.input_hw[::-1], np.float32)
        relative = (crops * np.tile(letterbox.scale_xy / size_xy, 2)).astype(np.float32)
        logits, quality = self._decoder.run(
            s8=s8, s4=s4, image=pixels, crops=relative, prompt=prompts
        )
        return logits, quality


def prompt_box(embedding: Embedding, letterbox: Letterbox, prompt: MaskPrompt) -> FloatArray:
    """(4,) xyxy box in pixels of the image: the prompt's, its mask's, or predicted at points."""
    if prompt.box_xyxy is not None:
        return np.array(prompt.box_xyxy, np.float32)
    from_mask = mask_box(prompt.previous) if prompt.previous is not None else None
    inside = prompt.points_xy[prompt.point_labels == 1]
    boxes = [] if from_mask is None else [from_mask]
    if from_mask is None:
        boxes += [box_at(embedding, letterbox, point) for point in inside]
    if not boxes:
        height, width = embedding.size_hw
        return np.array([0, 0, width, height], np.float32)
    stacked = np.stack(boxes)
    return np.concatenate([stacked[:, :2].min(axis=0), stacked[:, 2:].max(axis=0)])


def box_at(embedding: Embedding, letterbox: Letterbox, point: FloatArray) -> FloatArray:
    """(4,) xyxy box in pixels of the image of the object under a (2,) point."""
    distances = embedding.arrays[2][0].astype(np.float32)
    rows, columns = distances.shape[1:]
    input_xy = point * letterbox.scale_xy
    x, y = np.clip(input_xy / _BOX_MAP_STRIDE - 0.5, 0, [columns - 1, rows - 1])
    left, top = min(int(x), max(columns - 2, 0)), min(int(y), max(rows - 2, 0))
    fx, fy = x - left, y - top
    right, bottom = min(left + 1, columns - 1), min(top + 1, rows - 1)
    upper = distances[:, top, left] * (1 - fx) + distances[:, top, right] * fx
    lower = distances[:, bottom, left] * (1 - fx) + distances[:, bottom, right] * fx
    sides = np.exp(np.clip(upper * (1 - fy) + lower * fy, -2, 7))
    box = np.concatenate([input_xy - sides[:2], input_xy + sides[2:]]) / np.tile(
        letterbox.scale_xy, 2
    )
    height, width = embedding.size_hw
    clipped: FloatArray = box.clip(0, [width, height, width, height]).astype(np.float32)
    return clipped


def cells_of(points: FloatArray, crop: FloatArray, logits: FloatArray) -> IntArray:
    """(P, 2) cells of (h, w) logits over the crop in which (P, 2) points of the image lie."""
    size = np.array(logits.shape[::-1], np.float32)
    cells: IntArray = np.floor((points - crop[:2]) / (crop[2:] - crop[:2]) * size).astype(np.int64)
    return cells
