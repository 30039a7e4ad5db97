"""FPSeg: an image encoder of SAM's kind, prompts of classes, and a decoder that gives their masks.

Krabbe et al., "FPSeg: Flexible Promptable Semantic Segmentation for Edge Devices", ISCAS 2024.
Attribute names are those of its checkpoints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeseg.engines.base import ClassBase
from edgeseg.engines.edge_sam.prompt_encoder import INPUT_PX
from edgeseg.engines.export.graphs import MEAN, STD
from edgeseg.engines.fpseg.decoder import ClassDecoder, DecoderSizes
from edgeseg.engines.fpseg.encoders import PREFIX, encoder_of
from edgeseg.engines.fpseg.prompts import ClassPrompts

FINGERPRINT_DIGITS = 16


class FPSeg(nn.Module):
    """Encodes an image once, and decodes any classes on it in any order.

    ``image_encoder`` takes (B, 3, S, S) normalised pixels to (B, C, S / 16, S / 16). An image of
    another shape is stretched to the square, as the original does.
    """

    def __init__(
        self,
        image_encoder: nn.Module,
        classes: int,
        tokens: int,
        input_px: int = INPUT_PX,
        sizes: DecoderSizes | None = None,
    ) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.mask_decoder = ClassDecoder(sizes)
        self.prompt_encoder = ClassPrompts(classes, tokens, self.mask_decoder.sizes.width)
        self.input_px = input_px

    def encode(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 RGB, or float32 as `prepared` gives it, to (B, C, S / 16, S / 16)."""
        if images.dtype == torch.uint8:
            images = prepared(images, self.input_px)
        return self.image_encoder(images)

    def decode(self, embedding: Tensor, classes: Sequence[int] | Tensor) -> Tensor:
        """(N, S / 4, S / 4) logits of classes, by their numbers, on one (1, C, ...) embedding.

        With N embeddings, the n-th class is decoded on the n-th.
        """
        numbers = torch.as_tensor(classes, device=embedding.device)
        return self.decode_prompts(embedding, self.prompt_encoder.prompt_embeddings[numbers])

    def decode_prompts(
        self, embedding: Tensor, prompts: Tensor, places: Tensor | None = None
    ) -> Tensor:
        """As `decode`, for (N, T, C) prompts of any length.

        ``places`` (1, C, h, w) encodes where the cells are, for a part of an image.
        """
        if places is None:
            places = self.prompt_encoder.pe_layer.grid(*embedding.shape[-2:])
        return self.mask_decoder(self.prompt_encoder.dense(embedding), places, prompts)

    def forward(self, images: Tensor) -> Tensor:
        """(1, 3, H, W) as `encode` takes it to (N, S / 4, S / 4) logits of all classes."""
        return self.decode_prompts(self.encode(images), self.prompt_encoder.prompt_embeddings)

    def base(self) -> ClassBase:
        """Return what prompts of this model are tuned with."""
        found = encoder_of({f"{PREFIX}{k}": v for k, v in self.image_encoder.state_dict().items()})
        return ClassBase(
            found[0] if found else type(self.image_encoder).__name__,
            self.encoder_fingerprint(),
            self.decoder_fingerprint(),
            self.mask_decoder.sizes.width,
        )

    def encoder_fingerprint(self) -> str:
        """Return what tells the encoder from others."""
        return fingerprint(self.image_encoder.state_dict())

    def decoder_fingerprint(self) -> str:
        """Return what tells the decoder from others; all but encoder and prompts belongs to it."""
        state = self.state_dict()
        own = "prompt_encoder.prompt_embeddings"
        parts = {k: v for k, v in state.items() if not k.startswith(PREFIX) and k != own}
        return fingerprint(parts)


def prepared(images: Tensor, input_px: int) -> Tensor:
    """(B, 3, H, W) uint8 RGB to (B, 3, S, S) normalised float32, stretched bilinearly."""
    mean, std = (torch.tensor(each, device=images.device)[:, None, None] for each in (MEAN, STD))
    pixels = images.float()
    if images.shape[-2:] != (input_px, input_px):
        pixels = functional.interpolate(
            pixels, (input_px, input_px), mode="bilinear", antialias=True, align_corners=False
        )
    return (pixels - mean) / std


def enlarged(logits: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """(N, h, w) logits to (N, H, W): to the input's size, four times theirs, then to the image's.

    In two bilinear steps, as the original does, which tells a little at the edges.
    """
    large = logits[:, None].float()
    if large.shape[-2:] != size_hw:
        inside = (4 * large.shape[-2], 4 * large.shape[-1])
        for size in (inside, size_hw):
            large = functional.interpolate(large, size, mode="bilinear", align_corners=False)
    return large[:, 0]


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of names, shapes, types and bytes of weights.

    Counters of batches are left out, which checkpoints may lack.
    """
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        if not name.endswith("num_batches_tracked"):
            digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
            digest.update(
                value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
            )
    return digest.hexdigest()[:FINGERPRINT_DIGITS]
