"""What all engines on torch share: a name, a place, a model, and the end of it."""

from __future__ import annotations

from typing import Any

from edgeseg.engines.torch.placement import Placement, free


class TorchEngine:
    """Holds one model in evaluation mode on its place."""

    def __init__(self, name: str, placement: Placement, model: Any) -> None:
        self.name = name
        self.placement = placement
        self._model: Any = model.eval().requires_grad_(False).to(placement.device)

    @property
    def device(self) -> str:
        """The device that it runs on: "cpu", "cuda:0"."""
        return str(self.placement.device)

    @property
    def dtype(self) -> str:
        """The compute dtype: "float32", "bfloat16"."""
        return self.placement.dtype_name

    @property
    def model(self) -> Any:
        """The model; raises RuntimeError after `close`."""
        if self._model is None:
            raise RuntimeError(f"{self.name}: used after close()")
        return self._model

    def close(self) -> None:
        """Free the model and give its memory back."""
        if self._model is not None:
            self._model = None
            free()
