"""The numbers that networks compute in while they are trained."""

from __future__ import annotations

import torch

from edgeseg.engines.torch.placement import pick_dtype


def compute_dtype(device: torch.device, precision: str) -> torch.dtype:
    """Return the dtype of a setting; ``auto`` is 16 bits where the device computes them fast."""
    return pick_dtype(device, precision)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which networks run."""
    dtype = compute_dtype(device, precision)
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def scaler(device: torch.device, precision: str) -> torch.amp.GradScaler:
    """Return what keeps gradients in float16 from vanishing; it does nothing in other numbers."""
    used = compute_dtype(device, precision) == torch.float16
    return torch.amp.GradScaler(device.type, enabled=used)
