"""Self-attention within windows, with a learned bias for each distance between two cells."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Attention of ``heads`` within a window of ``window``² cells, on normalised channels.

    Two cells that are dy rows and dx columns apart share the bias ``attention_biases[:, dy *
    window + dx]``, whatever the direction.
    """

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        # The channels of a head lie together: its queries, its keys and its values.
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window**2))

        self._heads, self._window = heads, window

    def biases(self) -> Tensor:
        """(heads, window², window²) biases of each pair of cells."""
        place = torch.arange(self._window**2, device=self.attention_biases.device)
        rows, columns = place // self._window, place % self._window
        down = (rows[:, None] - rows[None]).abs()
        across = (columns[:, None] - columns[None]).abs()
        return self.attention_biases[:, down * self._window + across]

    def forward(self, cells: Tensor) -> Tensor:
        """(B, window², C) to the same shape."""
        qkv = self.qkv(self.norm(cells)).unflatten(-1, (self._heads, -1)).transpose(1, 2)
        q, k, v = qkv.chunk(3, dim=-1)
        bias = self.biases().to(q.dtype)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.proj(mixed.transpose(1, 2).flatten(2))


def windowed(attend: Callable[[Tensor], Tensor], x: Tensor, window: int) -> Tensor:
    """Apply ``attend`` to each window of (B, H, W, C) cells; the result has the same shape.

    Windows that reach over the lower or right edge hold zeros there, which are attended to.
    """
    batch, height, width, channels = x.shape
    below, right = -height % window, -width % window
    x = functional.pad(x, (0, 0, 0, right, 0, below))
    rows, columns = (height + below) // window, (width + right) // window
    x = x.reshape(batch, rows, window, columns, window, channels).transpose(2, 3)
    mixed = attend(x.reshape(batch * rows * columns, window**2, channels))
    x = mixed.reshape(batch, rows, columns, window, window, channels).transpose(2, 3)
    whole = x.reshape(batch, rows * window, columns * window, channels)
    return whole[:, :height, :width]
