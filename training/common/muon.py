"""AdamW whose matrices move along the orthogonalised momentum (Muon)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from edgeseg.engines.torch.placement import pick_dtype

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """The (R, C) matrix with its singular values brought near 1, by Newton-Schulz iterations.

    Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024),
    with its coefficients. Few digits do, so bfloat16 where the device is fast.
    """
    a, b, c = COEFFICIENTS
    is_fast = matrix.device.type != "cpu" or pick_dtype(matrix.device) == torch.bfloat16
    x = matrix.bfloat16() if is_fast else matrix.float()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, b * gram + c * gram @ gram, x, beta=a)
    return (x.T if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised, for every parameter: a kernel counts as one row per output.

    The update is scaled to the root mean square of AdamW's (0.2), so rates carry over
    (J. Liu et al., "Muon is scalable for LLM training", 2025).
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, weight_decay: float, momentum: float = 0.95
    ) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        average = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = torch.lerp(gradient, average, group["momentum"])
        rows = ahead.flatten(1)
        move = orthogonalise(rows).view_as(ahead)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(move, alpha=-group["lr"] * 0.2 * max(rows.shape) ** 0.5)
