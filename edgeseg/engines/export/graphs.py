"""The networks as they are exported: an encoder from pixels, a decoder from points to masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from edgeseg.engines.edge_sam.letterbox import stability
from edgeseg.engines.edge_sam.model import SamModel
from edgeseg.engines.edge_sam.prompt_encoder import (
    ABSENT,
    BOTTOM_RIGHT,
    IGNORED,
    INSIDE,
    OUTSIDE,
    PADDING,
    TOP_LEFT,
    WIDTH,
)

# Pixels of the input for one cell of the embedding; masks have four by four logits for it.
CELL_PX = 16
# RGB from 0 to 255, as ImageNet's photos have it.
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class Graph:
    """A network, inputs to trace it with, more of them to compare, and names.

    ``open_axes`` are the axes of inputs whose size is left open.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    open_axes: dict[str, dict[int, str]]
    others: tuple[dict[str, Tensor], ...] = ()


class PixelEncoder(nn.Module):
    """An encoder that takes RGB from 0 to 255 and normalises it itself."""

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).reshape(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """(1, 3, 1024, 1024) RGB from 0 to 255 to (1, 256, 64, 64)."""
        return self.encoder((image - self.mean) / self.std)


class AnyDecoder(nn.Module):
    """What decoders with and without an earlier mask share."""

    def __init__(
        self,
        model: SamModel,
        grid: int,
        stability_score: bool,
        padding_point: bool,
        fixed_count: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self._grid = grid
        self._stability_score = stability_score
        self._padding_point = padding_point
        self._fixed_count = fixed_count

    def of_fixed_count(self) -> Self:
        """Return the same for a fixed number of points: those labelled -3 count as none."""
        return type(self)(
            self.model, self._grid, self._stability_score, self._padding_point, fixed_count=True
        ).eval()

    def decode(
        self, image_embeddings: Tensor, point_coords: Tensor, point_labels: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return scores and masks; ``dense`` (1, 256, 64, 64) stands for the earlier mask."""
        if self._padding_point:
            add = with_fixed_padding_point if self._fixed_count else with_padding_point
            point_coords, point_labels = add(point_coords, point_labels)
        absent = point_labels == ABSENT if self._fixed_count else None
        encoder = self.model.prompt_encoder
        sparse = encoder.sparse(point_coords, point_labels)
        places = encoder.pe_layer.grid(self._grid)
        masks, ious = self.model.mask_decoder(image_embeddings, places, sparse, dense, absent)
        return stability(masks) if self._stability_score else ious, masks


class Decoder(AnyDecoder):
    """Points, of which two may be corners of a box, to four masks and their scores."""

    def forward(
        self, image_embeddings: Tensor, point_coords: Tensor, point_labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(1, 256, 64, 64), (1, N, 2) and (1, N) to (1, 4) scores and (1, 4, 256, 256) logits.

        Maps and masks are smaller for a smaller input; points are in pixels of the 1024² frame.
        """
        dense = self.model.prompt_encoder.dense(None, 1, self._grid)
        return self.decode(image_embeddings, point_coords, point_labels, dense)


class MaskPromptDecoder(AnyDecoder):
    """The same with the logits of an earlier mask, which count where ``has_mask_input`` is 1."""

    def forward(
        self,
        image_embeddings: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """As `Decoder`, with (1, 1, 256, 256) logits and (1,) 0 or 1."""
        encoder = self.model.prompt_encoder
        without = encoder.no_mask_embed.weight.reshape(1, WIDTH, 1, 1)
        dense = torch.where(
            has_mask_input.reshape(1, 1, 1, 1) > 0, encoder.dense(mask_input, 1), without
        )
        return self.decode(image_embeddings, point_coords, point_labels, dense)


def with_padding_point(points_xy: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Add the point (0, 0) labelled -1 where there are points, but neither a box nor that label.

    The number of added points is a tensor, so that tracing keeps the choice.
    """
    count = _lacks_padding(labels)
    places = torch.zeros(1, 1, 2)[:, :count]
    added = torch.full((1, 1), PADDING, dtype=labels.dtype)[:, :count]
    return torch.cat([points_xy, places], dim=1), torch.cat([labels, added], dim=1)


def with_fixed_padding_point(points_xy: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Add the same point, labelled -3 in place of -1 where it is not needed."""
    added = torch.full_like(labels[:, :1], ABSENT) + _lacks_padding(labels) * (PADDING - ABSENT)
    places = torch.zeros_like(points_xy[:, :1])
    return torch.cat([points_xy, places], dim=1), torch.cat([labels, added], dim=1)


def _lacks_padding(labels: Tensor) -> Tensor:
    """Return 1 where there are points, but neither a box nor the padding point, else 0."""
    # CoreML's converter knows no "or" of tensors.
    complete = ((labels >= TOP_LEFT).long() + (labels == PADDING).long()).sum()
    points = ((labels <= INSIDE).long() * (labels > ABSENT).long()).sum()
    return points.clamp(max=1) * (1 - complete.clamp(max=1))


def encoder_graph(model: SamModel, input_px: int, takes_pixels: bool = False) -> Graph:
    """The image encoder, of normalised pixels or with ``takes_pixels`` of RGB from 0 to 255."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, input_px, input_px, generator=generator)
    if not takes_pixels:
        return Graph(model.image_encoder, {"image": image}, ("image_embeddings",), {})
    pixels = (image * 50 + 128).clamp(0, 255).round()
    module = PixelEncoder(model.image_encoder).eval()
    return Graph(module, {"image": pixels}, ("image_embeddings",), {})


def decoder_graph(
    model: SamModel,
    input_px: int,
    *,
    stability_score: bool,
    padding_point: bool,
    mask_input: bool,
) -> Graph:
    """The prompt encoder and mask decoder, for any number of points."""
    generator = torch.Generator().manual_seed(0)
    grid = input_px // CELL_PX
    image = torch.randn(1, WIDTH, grid, grid, generator=generator)
    earlier = torch.randn(1, 1, 4 * grid, 4 * grid, generator=generator) * 8
    kind = MaskPromptDecoder if mask_input else Decoder
    module = kind(model, grid, stability_score, padding_point).eval()
    asked = [
        _prompt(image, earlier if mask_input else None, points, labels)
        for points, labels in (
            ([(90, 80), (200, 300), (700, 900)], [INSIDE, TOP_LEFT, BOTTOM_RIGHT]),
            ([(90, 80)], [INSIDE]),
            ([(90, 80), (500, 40), (0, 0)], [INSIDE, OUTSIDE, PADDING]),
            ([(512, 400), (7, 7)], [INSIDE, IGNORED]),
        )
    ]
    if mask_input:
        asked[1]["has_mask_input"] = torch.zeros(1)
    points = {"point_coords": {1: "points"}, "point_labels": {1: "points"}}
    return Graph(module, asked[0], ("scores", "masks"), points, tuple(asked[1:]))


def _prompt(
    image: Tensor, earlier: Tensor | None, points: list[tuple[int, int]], labels: list[int]
) -> dict[str, Tensor]:
    prompt = {
        "image_embeddings": image,
        "point_coords": torch.tensor([points], dtype=torch.float32),
        "point_labels": torch.tensor([labels]),
    }
    if earlier is not None:
        prompt |= {"mask_input": earlier, "has_mask_input": torch.ones(1)}
    return prompt
