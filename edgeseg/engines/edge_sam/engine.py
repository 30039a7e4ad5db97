"""EdgeSAM as a segmenter: what the pipeline and the services load."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.edge_sam.frame import Frame, corners, padded, stability
from edgeseg.engines.edge_sam.model import EdgeSam, read_checkpoint
from edgeseg.engines.edge_sam.predictor import decode, encode
from edgeseg.engines.torch_place import Place, free, in_chunks
from edgeseg.errors import EngineUnavailableError
from edgeseg.types import Embedding, FloatArray, Image, IntArray, MaskPrompt, Masks

# Prompts decoded together: on a processor more are no faster.
CPU_CHUNK, GPU_CHUNK = 4, 32


def segmenter(options: EngineOptions) -> EdgeSamSegmenter:
    """Build the segmenter from the first of the options' weights: a checkpoint, or its folder."""
    path = options.weights[0]
    if path.is_dir():
        found = sorted(path.glob("*.pth"))
        if len(found) != 1:
            raise EngineUnavailableError(f"{path}: expected one .pth file, got {len(found)}.")
        path = found[0]
    return EdgeSamSegmenter(read_checkpoint(path), Place.of(options), options.name)


class EdgeSamSegmenter:
    """Masks for boxes and points by EdgeSAM.

    A box, an earlier mask or several points ask for the one mask that they mean. A single point
    could mean a part or the whole: of the four masks the most stable is taken. Scores are
    stability scores, since EdgeSAM's own predicted IoUs were never distilled.
    """

    def __init__(self, model: EdgeSam, place: Place, name: str = "edge-sam") -> None:
        self.name = name
        self.device = str(place.device)
        self.dtype = place.dtype_name
        model.fuse().to(place.device)
        # Places of points need all digits, and the decoder is small.
        model.image_encoder.to(dtype=place.dtype)
        self._model: EdgeSam | None = model
        self._chunk = CPU_CHUNK if place.device.type == "cpu" else GPU_CHUNK

    def embed(self, image: Image) -> Embedding:
        """The (1, 256, 64, 64) float32 map that all prompts on this image share, 4 MB."""
        _, embedding = encode(self._open(), image.rgb)
        return Embedding(self.name, image.size_hw, (embedding.cpu().numpy(),))

    def segment(self, embedding: Embedding, prompts: Sequence[MaskPrompt]) -> Masks:
        """One mask per prompt in the frame of the embedded image."""
        model = self._open()
        frame = Frame.of(embedding.size_hw)
        features = torch.from_numpy(embedding.arrays[0]).to(self.device)
        masks = np.zeros((len(prompts), *embedding.size_hw), bool)
        scores = np.zeros(len(prompts), np.float32)

        def decode_rows(rows: Sequence[int]) -> Sequence[int]:
            chosen = [prompts[row] for row in rows]
            logits, _ = decode(model, features, *_inputs(frame, chosen))
            stable = stability(logits)
            for i, row in enumerate(rows):
                best = _best(prompts[row], stable[i])
                # One at a time: logits of the photo's size are what memory holds.
                whole = frame.restore(logits[i : i + 1, best : best + 1])
                masks[row] = (whole[0, 0] > 0).cpu().numpy()
                scores[row] = float(stable[i, best])
            return rows

        for rows in _alike(prompts):
            in_chunks(rows, self._chunk, decode_rows)
        return Masks(masks, scores)

    def close(self) -> None:
        """Free the model."""
        if self._model is not None:
            self._model = None
            free()

    def _open(self) -> EdgeSam:
        if self._model is None:
            raise RuntimeError("EdgeSamSegmenter: used after close()")
        return self._model


def _key(prompt: MaskPrompt) -> tuple[bool, bool, int]:
    return prompt.box_xyxy is None, prompt.previous is None, len(prompt.points_xy)


def _alike(prompts: Sequence[MaskPrompt]) -> list[list[int]]:
    """Rows of prompts that can be decoded together; even an ignored point changes a mask."""
    order = sorted(range(len(prompts)), key=lambda row: _key(prompts[row]))
    return [list(rows) for _, rows in groupby(order, key=lambda row: _key(prompts[row]))]


def _inputs(
    frame: Frame, prompts: Sequence[MaskPrompt]
) -> tuple[FloatArray, IntArray, FloatArray | None]:
    """(B, P, 2) places, (B, P) labels and (B, 1, 256, 256) earlier logits of prompts alike."""
    places = frame.places(np.stack([prompt.points_xy for prompt in prompts]))
    labels = np.stack([prompt.point_labels for prompt in prompts])
    boxes = [prompt.box_xyxy for prompt in prompts if prompt.box_xyxy is not None]
    if boxes:
        ends, marks = corners(np.array(boxes, np.float32))
        places = np.concatenate([places, frame.places(ends)], axis=1)
        labels = np.concatenate([labels, marks], axis=1)
    elif labels.size:
        places, labels = padded(places, labels)
    known = [frame.logits_of(each.previous) for each in prompts if each.previous is not None]
    return places, labels, np.stack(known)[:, None] if known else None


def _best(prompt: MaskPrompt, stable: torch.Tensor) -> int:
    """Which of the four masks is meant; ``stable`` (4,) says how stable each is."""
    is_click = prompt.box_xyxy is None and prompt.previous is None and len(prompt.points_xy) == 1
    return int(stable.argmax()) if is_click else 0
