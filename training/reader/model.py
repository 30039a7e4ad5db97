"""The network of the prompt tagger: spellings and word vectors, dilated convolutions, attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseg.engines.nano.tagger import BUCKETS, SHAPES
from edgeseg.language.tags import TAGS

WIDTH = 96
HEADS = 4
SPELLING_WIDTH = 64
VECTOR_WIDTH = 96
BEFORE, AFTER = (1, 2, 4), (1, 2)


class Block(nn.Module):
    """A gated dilated convolution of three tokens with a residual; padding stays zero.

    Written as one product of matrices, which a CPU computes faster than a narrow convolution.
    """

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(WIDTH)
        self.mix = nn.Linear(3 * WIDTH, 2 * WIDTH)

    def forward(self, tokens: Tensor, kept: Tensor) -> Tensor:
        normal, by = self.norm(tokens) * kept, self.dilation
        padded = F.pad(normal, (0, 0, by, by))
        beside = torch.cat([padded[:, : -2 * by], normal, padded[:, 2 * by :]], 2)
        value, gate = self.mix(beside).chunk(2, 2)
        return tokens + value * torch.sigmoid(gate) * kept


class Attention(nn.Module):
    """Self-attention over the tokens of a prompt with a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.project = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: Tensor, kept: Tensor) -> Tensor:
        shape = (tokens.shape[0], -1, HEADS, WIDTH // HEADS)
        parts = self.project(self.norm(tokens)).chunk(3, 2)
        query, key, value = (part.reshape(shape).transpose(1, 2) for part in parts)
        likeness = query @ key.transpose(2, 3) / (WIDTH // HEADS) ** 0.5
        likeness = likeness + (kept.transpose(1, 2)[:, None] - 1) * 1e4
        mixed = (likeness.softmax(3) @ value).transpose(1, 2).reshape(tokens.shape)
        return tokens + self.out(mixed) * kept


class Tagger(nn.Module):
    """Tokens (B, T) of prompts to logits of tags (B, T, TAGS) and of starts (B, T)."""

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        # Bucket 0 is no part of a word.
        self.spelling = nn.Embedding(BUCKETS, SPELLING_WIDTH, padding_idx=0)
        self.enter = nn.Linear(SPELLING_WIDTH + VECTOR_WIDTH + SHAPES, WIDTH)
        self.dropout = nn.Dropout(dropout)
        self.before = nn.ModuleList(Block(each) for each in BEFORE)
        self.attention = Attention()
        self.after = nn.ModuleList(Block(each) for each in AFTER)
        self.norm = nn.LayerNorm(WIDTH)
        self.tags = nn.Linear(WIDTH, len(TAGS))
        self.starts = nn.Linear(WIDTH, 1)
        nn.init.normal_(self.spelling.weight, std=0.3)
        with torch.no_grad():
            self.spelling.weight[0] = 0

    def forward(
        self, parts: Tensor, vectors: Tensor, shapes: Tensor, kept: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Read ``parts`` (B, T, PARTS) int64, ``vectors`` (B, T, 96), ``shapes`` (B, T, SHAPES).

        ``kept`` (B, T, 1) is 1 for a token and 0 for padding.
        """
        number = (parts > 0).sum(2, keepdim=True).clamp(min=1)
        spelled = self.spelling(parts).sum(2) / number.sqrt()
        tokens = self.dropout(self.enter(torch.cat([spelled, vectors * 4, shapes], 2))) * kept
        for block in self.before:
            tokens = block(tokens, kept)
        tokens = self.attention(tokens, kept)
        for block in self.after:
            tokens = block(tokens, kept)
        tokens = self.norm(tokens)
        return self.tags(tokens), self.starts(tokens)[..., 0]


class Single(nn.Module):
    """The tagger for one prompt: (T, ...) inputs to probabilities (T, TAGS) and (T,)."""

    def __init__(self, tagger: Tagger) -> None:
        super().__init__()
        self.tagger = tagger

    def forward(self, parts: Tensor, vectors: Tensor, shapes: Tensor) -> tuple[Tensor, Tensor]:
        kept = torch.ones_like(shapes[None, :, :1])
        tags, starts = self.tagger(parts[None], vectors[None], shapes[None], kept)
        return tags[0].softmax(1), starts[0].sigmoid()
