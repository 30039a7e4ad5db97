"""The package's own encoder of classes in the place of SAM's: small, fast, and never trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from edgeseg.engines.export.graphs import MEAN, STD
from edgeseg.engines.fpseg.decoder import DecoderSizes
from edgeseg.engines.nano.onnx_session import Network
from edgeseg.errors import EngineUnavailableError

SIZES = DecoderSizes(width=96, heads=4, hidden=384)
FINGERPRINT = "package_fingerprint"


class NanoEncoder(nn.Module):
    """Runs ``classes_encoder.onnx`` on the CPU.

    A checkpoint does not hold its weights, but the fingerprint of those that it was made with;
    loading it beside others raises EngineUnavailableError.
    """

    package_fingerprint: Tensor

    def __init__(self) -> None:
        super().__init__()
        self._network = Network("classes_encoder")
        digits = bytearray.fromhex(self._network.metadata["fingerprint"])
        with torch.device("cpu"):
            self._own = torch.tensor(list(digits), dtype=torch.uint8)
            self.register_buffer(FINGERPRINT, self._own.clone())
        self.register_load_state_dict_post_hook(_check)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) pixels, normalised as for SAM, to (B, 96, S / 16, S / 16)."""
        mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
        scaled = ((pixels.detach().float().cpu() * std + mean) / 255).numpy()
        maps = [self._network.run(image=each[None])[0] for each in scaled]
        return torch.from_numpy(np.concatenate(maps)).to(pixels.device)


def _check(module: nn.Module, _: object) -> None:
    assert isinstance(module, NanoEncoder)
    if not torch.equal(module.package_fingerprint.cpu(), module._own):
        raise EngineUnavailableError(
            "The checkpoint was made with the nano encoder of another version of edgeseg: train "
            "it again, or install that version."
        )
