"""EdgeSAM as a segmenter: what the pipeline and the services load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch.nn.functional import pad

from edgeseg.engines.base import EngineOptions, Segmenter
from edgeseg.engines.edge_sam.letterbox import Letterbox, corners, padded, stability
from edgeseg.engines.edge_sam.model import SamModel, read_checkpoint
from edgeseg.engines.edge_sam.prompt_encoder import BOTTOM_RIGHT, INPUT_PX
from edgeseg.engines.edge_sam.rpn import ClickBox, with_click_boxes
from edgeseg.engines.sam.base import Decoded, PromptBatch, SamEngine, mask_logits
from edgeseg.engines.sam.sam2 import find_checkpoint
from edgeseg.engines.torch.placement import Placement
from edgeseg.types import FloatArray, Image, IntArray, MaskCount

# Logit of a mask prompt outside the photo.
_OUTSIDE = -10.0


def load(options: EngineOptions) -> Segmenter:
    """Build the segmenter from a checkpoint, or a folder with one."""
    model = read_checkpoint(find_checkpoint(options.weights[0]))
    engine = EdgeSamSegmenter(
        options.name,
        model,
        Placement.from_options(options),
        options.edge_sam_input_px,
        None if options.edge_sam_click_box == "off" else options.edge_sam_click_box,
    )
    return engine.prepared(options)


class EdgeSamSegmenter(SamEngine):
    """Masks for boxes and points by EdgeSAM.

    A single click could mean a part or the whole: of all four masks the most stable is taken.
    Scores are stability scores, since EdgeSAM's own predicted IoUs were never distilled. The
    encoder's input has ``input_px`` pixels a side, a multiple of 64. Where the checkpoint has a
    region proposal network, single clicks get its boxes by ``click_box``, None for not at all.
    """

    ambiguous_count: ClassVar[MaskCount] = 4

    def __init__(
        self,
        name: str,
        model: SamModel,
        placement: Placement,
        input_px: int = INPUT_PX,
        click_box: ClickBox | None = "merged",
    ) -> None:
        super().__init__(name, placement, model.fuse())
        self.input_px = input_px
        self._click_box = click_box

    def pixels(self, image: Image) -> torch.Tensor:
        """Return the padded image."""
        return self._letterbox(image.size_hw).render(image, self.placement.device)

    def network(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the (1, 256, 64, 64) map, smaller for a smaller input."""
        return (self.model(pixels),)

    def window_xyxy(self, size_hw: tuple[int, int]) -> FloatArray:
        """Return the padded input in pixels of the image."""
        height, width = self._letterbox(size_hw).scaled_hw
        corner = [self.input_px * size_hw[1] / width, self.input_px * size_hw[0] / height]
        return np.array([0, 0, *corner], np.float32)

    def decode(
        self,
        features: Sequence[torch.Tensor],
        batch: PromptBatch,
        size_hw: tuple[int, int],
        count: MaskCount,
    ) -> Decoded:
        """Return masks at a quarter of the model's size, and their scores."""
        letterbox, device = self._letterbox(size_hw), self.placement.device
        points, labels = (torch.from_numpy(each).to(device) for each in _points(letterbox, batch))
        if batch.is_ambiguous:
            points, labels = self._boxed(features[0], points, labels)
        earlier = None
        if batch.previous is not None:
            height, width = (max(1, round(side / 4)) for side in letterbox.scaled_hw)
            known = mask_logits(batch.previous, (height, width))
            side = letterbox.input_px // 4
            rest = (0, side - width, 0, side - height)
            earlier = pad(known, rest, value=_OUTSIDE).to(device)
        # Places of points need all digits, and the decoder is small.
        with torch.autocast(device.type, enabled=False):
            logits, ious = self.model.decode(features[0], points, labels, earlier)
        columns = {1: slice(1), 3: slice(1, None), 4: slice(None)}[count]
        scores = self.scores(logits, ious)
        if count == 4:
            # A box leaves no doubt, for which the first mask is made.
            boxed = (labels == BOTTOM_RIGHT).any(1)
            scores[:, 1:] = scores[:, 1:].masked_fill(boxed[:, None], 0)
        return logits[:, columns], scores[:, columns]

    def _boxed(
        self, image: torch.Tensor, points: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add the box that the proposals give each click, where the checkpoint has them."""
        rpn = getattr(self.model, "rpn", None)
        if rpn is None or self._click_box is None:
            return points, labels
        with torch.autocast(image.device.type, enabled=False):
            boxes, scores = rpn.proposals(image.float())
        return with_click_boxes(points, labels, boxes, scores, self._click_box)

    def scores(self, logits: torch.Tensor, ious: torch.Tensor) -> torch.Tensor:
        """Return the (N, 4) scores of (N, 4, h, w) masks with (N, 4) predicted IoUs."""
        return stability(logits)

    def enlarge(self, logits: torch.Tensor, size_hw: tuple[int, int]) -> torch.Tensor:
        """Cut off the padding and stretch to the image's size."""
        return self._letterbox(size_hw).restore(logits)

    def _letterbox(self, size_hw: tuple[int, int]) -> Letterbox:
        return Letterbox.for_size(size_hw, self.input_px)


def _points(letterbox: Letterbox, batch: PromptBatch) -> tuple[FloatArray, IntArray]:
    """(N, P, 2) points in input pixels and (N, P) labels, corners of boxes among them."""
    places, labels = letterbox.places(batch.points), batch.labels
    if batch.boxes is None:
        return padded(places, labels)
    ends, marks = corners(batch.boxes)
    return (
        np.concatenate([places, letterbox.places(ends)], axis=1),
        np.concatenate([labels, marks], axis=1),
    )
