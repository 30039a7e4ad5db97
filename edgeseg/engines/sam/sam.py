"""SAM and SAM-HQ by transformers: masks for boxes and points.

Kirillov et al., "Segment Anything", 2023; Ke et al., "Segment Anything in High Quality", 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate, pad

from edgeseg.engines.base import EngineOptions, Segmenter
from edgeseg.engines.sam.base import Decoded, PromptBatch, SamEngine, both, mask_logits, normalised
from edgeseg.engines.torch.hf import import_transformers
from edgeseg.engines.torch.placement import Placement
from edgeseg.types import FloatArray, Image, MaskCount


def load(options: EngineOptions) -> Segmenter:
    """Build a segmenter from a folder with a model of either kind."""
    return Sam(options.name, options.weights[0], Placement.from_options(options)).prepared(options)


class Sam(SamEngine):
    """Scales an image until its longer side is the model's, and pads the other with zeros."""

    def __init__(self, name: str, folder: Path, placement: Placement) -> None:
        transformers = import_transformers()
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        self._is_hq = config.model_type == "sam_hq"
        kind = transformers.SamHQModel if self._is_hq else transformers.SamModel
        model = kind.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype="float32"
        )
        super().__init__(name, placement, model)
        self._side = int(config.vision_config.image_size)

    def pixels(self, image: Image) -> torch.Tensor:
        """Return the padded image."""
        height, width = self._inside(image.size_hw)
        pixels = normalised(image, (height, width), self.placement.device)
        return pad(pixels, (0, self._side - width, 0, self._side - height))

    def network(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the image's map, and for SAM-HQ the early one that sharpens its edges."""
        features = self.model.get_image_embeddings(pixels)
        return (features[0], features[1][0]) if self._is_hq else (features,)

    def window_xyxy(self, size_hw: tuple[int, int]) -> FloatArray:
        """Return the padded input in pixels of the image."""
        height, width = self._inside(size_hw)
        corner = [self._side * size_hw[1] / width, self._side * size_hw[0] / height]
        return np.array([0, 0, *corner], np.float32)

    def decode(
        self,
        features: Sequence[torch.Tensor],
        batch: PromptBatch,
        size_hw: tuple[int, int],
        count: MaskCount,
    ) -> Decoded:
        """Return masks at a quarter of the model's size, over the padded input."""
        if count == 4:
            return both(*(self.decode(features, batch, size_hw, each) for each in (1, 3)))
        device = self.placement.device
        inside = self._inside(size_hw)
        scale = np.array(inside[::-1], np.float32) / np.array(size_hw[::-1], np.float32)
        arguments = {"image_embeddings": features[0], "multimask_output": count == 3}
        if self._is_hq:
            arguments["intermediate_embeddings"] = [features[1]]
        if batch.boxes is not None:
            arguments["input_boxes"] = torch.from_numpy(batch.boxes * np.tile(scale, 2))[None].to(
                device
            )
        if batch.points.shape[1]:
            arguments["input_points"] = torch.from_numpy(batch.points * scale)[None].to(device)
            arguments["input_labels"] = torch.from_numpy(batch.labels)[None].to(device)
        if batch.previous is not None:
            arguments["input_masks"] = self._previous(batch.previous, inside).to(device)
        output = self.model(**arguments)
        return output.pred_masks[0], output.iou_scores[0]

    def enlarge(self, logits: torch.Tensor, size_hw: tuple[int, int]) -> torch.Tensor:
        """Resize to the model input, crop the padding, and resize to the image's size."""
        height, width = self._inside(size_hw)
        input_hw = (self._side, self._side)
        large = interpolate(logits, input_hw, mode="bilinear", align_corners=False)
        cut = large[..., :height, :width]
        return interpolate(cut, size_hw, mode="bilinear", align_corners=False)

    def _chunk(self, kind: tuple[bool, int, bool], size_hw: tuple[int, int]) -> int:
        # The decoder takes one mask prompt at a time.
        return 1 if kind[2] else super()._chunk(kind, size_hw)

    def _inside(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the size that an image has inside the model's square input."""
        scale = self._side / max(size_hw)
        height, width = (max(1, int(side * scale + 0.5)) for side in size_hw)
        return height, width

    def _previous(self, masks: np.ndarray, inside: tuple[int, int]) -> torch.Tensor:
        """(N, 1, h, w) logits over the padded input."""
        side = self._side // 4
        height, width = (max(1, round(each / 4)) for each in inside)
        logits = mask_logits(masks, (height, width))
        return pad(logits, (0, side - width, 0, side - height), value=float(logits.min()))
