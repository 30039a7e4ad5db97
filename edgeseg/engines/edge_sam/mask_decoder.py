"""The mask decoder of SAM: a two-way transformer, four mask tokens and a head for quality.

Kirillov et al., "Segment Anything", ICCV 2023, appendix A. Attribute names are those of published
checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeseg.engines.edge_sam.layers import LayerNorm2d, Mlp
from edgeseg.engines.edge_sam.prompt_encoder import WIDTH

HEADS = 8
HIDDEN = 2048
MASKS = 4
# Added to a logit it makes an attention weight of 0; a finite number in 16 bits too.
UNATTENDED = -1e4


class Attention(nn.Module):
    """Attention of ``heads`` heads through ``inner`` channels."""

    def __init__(self, inner: int, width: int = WIDTH, heads: int = HEADS) -> None:
        super().__init__()
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.out_proj = nn.Linear(inner, width)
        self._heads = heads

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        """(B, Q, width), (B, K, width) and (B, K, width) to (B, Q, width).

        What is the same for the whole batch may come once, as (1, ...), and is projected once.
        ``bias`` (B, 1, 1, K) is added to the logits of each key.
        """
        batch = max(queries.shape[0], keys.shape[0])
        q, k, v = (
            projected.unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for projected in (self.q_proj(queries), self.k_proj(keys), self.v_proj(values))
        )
        # Not where it changes nothing: CoreML's converter would lose the size of a head.
        q, k, v = (x if len(x) == batch else x.expand(batch, -1, -1, -1) for x in (q, k, v))
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two linear layers with ReLU between them."""

    def __init__(self, width: int = WIDTH, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) to the same shape."""
        return self.lin2(self.lin1(x).relu())


class TwoWayBlock(nn.Module):
    """Self-attention of tokens, then cross-attention to the image and from the image back."""

    def __init__(
        self, is_first: bool, width: int = WIDTH, heads: int = HEADS, hidden: int = HIDDEN
    ) -> None:
        super().__init__()
        self.self_attn = Attention(width, width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = Attention(width // 2, width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = FeedForward(width, hidden)
        self.norm3 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width // 2, width, heads)
        self.norm4 = nn.LayerNorm(width)
        self._is_first = is_first

    def forward(
        self,
        tokens: Tensor,
        image: Tensor,
        token_places: Tensor,
        image_places: Tensor,
        bias: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """(B, T, width) tokens and (B, K, width) image, each with the encoding of its places.

        ``bias`` (B, 1, 1, T) is for attention to the tokens.
        """
        if self._is_first:
            # The tokens are their own places still, so there is nothing to add them to.
            tokens = self.self_attn(tokens, tokens, tokens, bias)
        else:
            placed = tokens + token_places
            tokens = tokens + self.self_attn(placed, placed, tokens, bias)
        tokens = self.norm1(tokens)
        placed_image = image + image_places
        attended = self.cross_attn_token_to_image(tokens + token_places, placed_image, image)
        tokens = self.norm2(tokens + attended)
        tokens = self.norm3(tokens + self.mlp(tokens))
        placed = tokens + token_places
        attended = self.cross_attn_image_to_token(placed_image, placed, tokens, bias)
        return tokens, self.norm4(image + attended)


class TwoWayTransformer(nn.Module):
    """Two two-way blocks and a final attention from the tokens to the image."""

    def __init__(self, width: int = WIDTH, heads: int = HEADS, hidden: int = HIDDEN) -> None:
        super().__init__()
        sizes = (width, heads, hidden)
        self.layers = nn.ModuleList([TwoWayBlock(True, *sizes), TwoWayBlock(False, *sizes)])
        self.final_attn_token_to_image = Attention(width // 2, width, heads)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(
        self, image: Tensor, places: Tensor, tokens: Tensor, bias: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, K, width) image, (1, K, width) places and (B, T, width): tokens and image.

        An image of all prompts may come once, as (1, K, width). ``bias`` (B, 1, 1, T) is added
        to the logits of attention to the tokens.
        """
        first = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, first, places, bias)
        attended = self.final_attn_token_to_image(tokens + first, image + places, image)
        return self.norm_final_attn(tokens + attended), image


class MaskDecoder(nn.Module):
    """Four masks and how good each is thought to be."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer()
        self.iou_token = nn.Embedding(1, WIDTH)
        self.mask_tokens = nn.Embedding(MASKS, WIDTH)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, WIDTH // 4, 2, 2),
            LayerNorm2d(WIDTH // 4),
            nn.GELU(),
            nn.ConvTranspose2d(WIDTH // 4, WIDTH // 8, 2, 2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            Mlp(WIDTH, WIDTH, WIDTH, WIDTH // 8) for _ in range(MASKS)
        )
        self.iou_prediction_head = Mlp(WIDTH, WIDTH, WIDTH, MASKS)

    def forward(
        self,
        image: Tensor,
        places: Tensor,
        sparse: Tensor,
        dense: Tensor,
        absent: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Decode B prompts on one image.

        Takes (1, 256, 64, 64) image and places, (B, P, 256) sparse and (B, 256, 64, 64) dense
        embeddings. Where ``absent`` (B, P) is true nothing attends to the sparse embedding, as if
        it were not there. Returns (B, 4, 256, 256) logits and (B, 4) predicted IoUs; the first
        mask is the one for prompts that leave no doubt.
        """
        count = len(sparse)
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(count, -1, -1), sparse], dim=1)
        bias = None if absent is None else _bias(absent, own)
        source = image + dense
        height, width = source.shape[-2:]
        tokens, mixed = self.transformer(
            source.flatten(2).transpose(1, 2), places.flatten(2).transpose(1, 2), tokens, bias
        )
        fine = self.output_upscaling(mixed.transpose(1, 2).unflatten(2, (height, width)))
        # One by one: CoreML's converter cannot unbind tokens whose number is open.
        heads = enumerate(self.output_hypernetworks_mlps, start=1)
        kernels = torch.stack([head(tokens[:, index]) for index, head in heads], dim=1)
        logits = (kernels @ fine.flatten(2)).unflatten(2, fine.shape[-2:])
        return logits, self.iou_prediction_head(tokens[:, 0])


def _bias(absent: Tensor, own: Tensor) -> Tensor:
    """(B, P) of sparse embeddings and (O, 256) tokens before them to (B, 1, 1, O + P)."""
    before = absent.new_zeros(len(absent), len(own))
    return torch.cat([before, absent], dim=1)[:, None, None].to(own.dtype) * UNATTENDED
