"""Exported files in the place of the networks, to measure what they answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgeseg.engines.compiled.openvino import core

Feed = dict[str, np.ndarray]
Run = Callable[[Feed], list[np.ndarray]]


class ExportedSam(nn.Module):
    """Answers as the network that was exported, one prompt at a time.

    Scores are what the decoder gives: stability scores or predicted IoUs.
    """

    def __init__(self, encode: Run, decode: Run, takes_masks: bool) -> None:
        super().__init__()
        self._encode, self._decode = encode, decode
        self._takes_masks = takes_masks

    def fuse(self) -> ExportedSam:
        """Nothing is left to fuse."""
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """(1, 3, 1024, 1024) normalised pixels to (1, 256, 64, 64)."""
        return torch.from_numpy(self._encode({"image": pixels.numpy()})[0])

    def decode(
        self, image: Tensor, points_xy: Tensor, labels: Tensor, masks: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, 4, 256, 256) logits and (B, 4) scores; takes what `SamModel.decode` takes."""
        answers = []
        for index in range(len(points_xy)):
            feed = {
                "image_embeddings": image.numpy(),
                "point_coords": points_xy[index : index + 1].numpy(),
                "point_labels": labels[index : index + 1].numpy(),
            }
            if self._takes_masks:
                if masks is None:
                    feed |= no_mask(image.shape[-1])
                else:
                    feed |= _mask_prompt(masks[index : index + 1])
            answers.append(self._decode(feed))
        scores, logits = (np.concatenate(each) for each in zip(*answers, strict=True))
        return torch.from_numpy(logits), torch.from_numpy(scores)


def no_mask(grid: int) -> Feed:
    """Return what a decoder is given without an earlier mask, for a map of ``grid``² cells."""
    blank = np.zeros((1, 1, 4 * grid, 4 * grid), np.float32)
    return {"mask_input": blank, "has_mask_input": np.zeros(1, np.float32)}


def _mask_prompt(mask: Tensor) -> Feed:
    return {"mask_input": mask.numpy(), "has_mask_input": np.ones(1, np.float32)}


def onnx_run(path: Path) -> Run:
    """Return what runs an ONNX file on the CPU."""
    from edgeseg.engines.onnx import open_session

    session = open_session(path)

    def run(feed: Feed) -> list[np.ndarray]:
        outputs: list[np.ndarray] = session.run(None, feed)
        return outputs

    return run


def openvino_run(path: Path) -> Run:
    """Return what runs a file of OpenVINO on the CPU, in 32 bits."""
    compiled: Any = core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(feed: Feed) -> list[np.ndarray]:
        outputs = compiled(feed)
        return [outputs[each].copy() for each in compiled.outputs]

    return run
