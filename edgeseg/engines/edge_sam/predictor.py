"""``SamPredictor`` and ``sam_model_registry``, as users of Segment Anything know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgeseg.engines.edge_sam.letterbox import MASK_PX, Letterbox, corners, padded, stability
from edgeseg.engines.edge_sam.model import EdgeSam, read_checkpoint
from edgeseg.engines.edge_sam.prompt_encoder import IGNORED, INSIDE
from edgeseg.types import FloatArray, Image, IntArray, UInt8Array

ImageFormat = Literal["RGB", "BGR"]
Numbers = npt.ArrayLike
# Prompts decoded together: the photo-sized logits of four masks each are what memory holds.
CHUNK = 4


def build_edge_sam(checkpoint: str | Path | None = None) -> EdgeSam:
    """Build EdgeSAM for inference on the CPU, with random weights where no checkpoint is given.

    Raises EngineUnavailableError for a file that is not a valid EdgeSAM checkpoint.
    """
    if checkpoint is None:
        return EdgeSam().eval().requires_grad_(False)
    return read_checkpoint(Path(checkpoint))


sam_model_registry: Mapping[str, Callable[..., EdgeSam]] = MappingProxyType(
    {"edge_sam": build_edge_sam}
)


class SamPredictor:
    """Encodes an image once, then answers prompts about it.

    The model keeps nothing of an image, so that several predictors may share one.
    """

    def __init__(self, model: EdgeSam) -> None:
        self.model = model
        self._image: tuple[Letterbox, Tensor] | None = None

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.prompt_encoder.no_mask_embed.weight.device

    @property
    def is_image_set(self) -> bool:
        """Whether there is an image to ask about."""
        return self._image is not None

    def set_image(self, image: UInt8Array, image_format: ImageFormat = "RGB") -> None:
        """Encode (H, W, 3) uint8 pixels; raises ValueError for anything else."""
        pixels = np.asarray(image)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(f"image: expected (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
        if image_format not in ("RGB", "BGR"):
            raise ValueError(f"image_format: expected RGB or BGR, got {image_format!r}")
        rgb = pixels if image_format == "RGB" else pixels[..., ::-1]
        self._image = encode(self.model, Image.from_array(rgb))

    def reset_image(self) -> None:
        """Forget the image."""
        self._image = None

    def get_image_embedding(self) -> Tensor:
        """The (1, 256, 64, 64) embedding of the image."""
        return self._ready()[1]

    def predict(
        self,
        point_coords: Numbers | None = None,
        point_labels: Numbers | None = None,
        box: Numbers | None = None,
        mask_input: Numbers | None = None,
        num_multimask_outputs: Literal[1, 3, 4] = 3,
        use_stability_score: bool = False,
        return_logits: bool = False,
        multimask_output: bool | None = None,
    ) -> tuple[npt.NDArray[np.bool_ | np.float32], FloatArray, FloatArray]:
        """Masks for points, boxes, a mask prompt, or any of them together.

        ``point_coords`` (P, 2) are pixels of the image; ``point_labels`` (P,) say 1 inside, 0
        outside, -2 ignored. ``box`` is one x0 y0 x1 y1, or (N, 4) boxes, each asked about alone
        with the same points. ``mask_input`` (1, 256, 256) are logits that a previous call
        returned. One mask is asked for where the prompt leaves no doubt, 3 or 4 where it does;
        ``multimask_output`` true and false stand for 3 and 1. Scores are the predicted IoUs, or
        with ``use_stability_score`` the stability of the masks, which EdgeSAM is better at.

        Returns (C, H, W) masks, bool or logits, (C,) scores and (C, 256, 256) logits for another
        call; for (N, 4) boxes all three start with N. Raises RuntimeError before an image is set
        and ValueError for a prompt of another shape.
        """
        letterbox, embedding = self._ready()
        if multimask_output is not None:
            num_multimask_outputs = 3 if multimask_output else 1
        if num_multimask_outputs not in (1, 3, 4):
            raise ValueError(
                f"num_multimask_outputs: expected 1, 3 or 4, got {num_multimask_outputs}"
            )
        boxes = _boxes(box)
        points, labels = _points(letterbox, point_coords, point_labels, boxes)
        earlier = _earlier(mask_input, len(points))
        if not points.size and earlier is None:
            raise ValueError("expected points, a box or a mask_input")
        columns = slice(1, None) if num_multimask_outputs == 3 else slice(num_multimask_outputs)
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        for start in range(0, len(points), CHUNK):
            part = slice(start, start + CHUNK)
            earlier_part = None if earlier is None else earlier[part]
            low, scores = decode(self.model, embedding, points[part], labels[part], earlier_part)
            low = low[:, columns]
            scores = stability(low) if use_stability_score else scores[:, columns]
            whole = letterbox.restore(low)
            parts.append((whole if return_logits else whole > 0, scores, low))
        outputs = [torch.cat(each).cpu().numpy() for each in zip(*parts, strict=True)]
        is_one = boxes is None or np.asarray(box).ndim == 1
        masks, quality, logits = (each[0] if is_one else each for each in outputs)
        return masks, quality, logits

    def _ready(self) -> tuple[Letterbox, Tensor]:
        if self._image is None:
            raise RuntimeError("call set_image first")
        return self._image


@torch.inference_mode()
def encode(model: EdgeSam, image: Image) -> tuple[Letterbox, Tensor]:
    """Return the letterbox of an image and its (1, 256, 64, 64) embedding."""
    letterbox = Letterbox.for_size(image.size_hw)
    return letterbox, model(letterbox.render(image, next(model.parameters()).device))


@torch.inference_mode()
def decode(
    model: EdgeSam,
    embedding: Tensor,
    points_xy: FloatArray,
    labels: IntArray,
    masks: FloatArray | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (B, 4, 256, 256) logits and (B, 4) predicted IoUs of B prompts in input pixels.

    ``points_xy`` (B, P, 2), ``labels`` (B, P), ``masks`` (B, 1, 256, 256), as
    `EdgeSam.decode` takes them.
    """
    device = embedding.device
    return model.decode(
        embedding,
        torch.from_numpy(points_xy).to(device),
        torch.from_numpy(labels).to(device),
        None if masks is None else torch.from_numpy(masks).to(device),
    )


def _boxes(box: Numbers | None) -> FloatArray | None:
    if box is None:
        return None
    boxes = np.asarray(box, np.float32)
    if boxes.shape[-1:] != (4,) or boxes.ndim > 2 or not boxes.size:
        raise ValueError(f"box: expected shape (4,) or (N, 4), got {boxes.shape}")
    return boxes.reshape(-1, 4)


def _points(
    letterbox: Letterbox,
    point_coords: Numbers | None,
    point_labels: Numbers | None,
    boxes: FloatArray | None,
) -> tuple[FloatArray, IntArray]:
    """(B, P, 2) points in input pixels and (B, P) labels, corners of boxes among them."""
    points = np.asarray([] if point_coords is None else point_coords, np.float32).reshape(-1, 2)
    labels = np.asarray([] if point_labels is None else point_labels, np.int64).reshape(-1)
    if len(points) != len(labels):
        raise ValueError(
            f"point_labels: expected {len(points)} for {len(points)} points, got {len(labels)}"
        )
    if (labels > INSIDE).any() or (labels < IGNORED).any():
        raise ValueError(f"point_labels: expected 1, 0, -1 or -2, got {labels.tolist()}")
    count = 1 if boxes is None else len(boxes)
    places = np.tile(letterbox.places(points), (count, 1, 1))
    kinds = np.tile(labels, (count, 1))
    if boxes is not None:
        ends, marks = corners(boxes)
        places = np.concatenate([places, letterbox.places(ends)], axis=1)
        kinds = np.concatenate([kinds, marks], axis=1)
    elif len(labels):
        places, kinds = padded(places, kinds)
    return places, kinds


def _earlier(mask_input: Numbers | None, count: int) -> FloatArray | None:
    if mask_input is None:
        return None
    masks = np.asarray(mask_input, np.float32)
    if masks.shape[-2:] != (MASK_PX, MASK_PX) or masks.size not in (
        MASK_PX**2,
        count * MASK_PX**2,
    ):
        raise ValueError(f"mask_input: expected shape (1, 256, 256), got {masks.shape}")
    shaped = masks.reshape(-1, 1, MASK_PX, MASK_PX)
    return np.array(np.broadcast_to(shaped, (count, 1, MASK_PX, MASK_PX)))
