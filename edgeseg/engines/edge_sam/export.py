"""EdgeSAM as two ONNX files, for devices without torch; finished only when they agree with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgeseg.engines.edge_sam.letterbox import stability
from edgeseg.engines.edge_sam.model import EdgeSam, read_checkpoint
from edgeseg.engines.edge_sam.prompt_encoder import (
    BOTTOM_RIGHT,
    INPUT_PX,
    INSIDE,
    PADDING,
    TOP_LEFT,
)
from edgeseg.errors import EngineError

OPSET = 17
# Largest difference to torch, as a share of the largest number.
TOLERANCE = 1e-3


class _Decoder(nn.Module):
    """Points, of which two may be corners of a box, to four masks and their scores."""

    def __init__(self, model: EdgeSam, use_stability_score: bool) -> None:
        super().__init__()
        self.model = model
        self._use_stability_score = use_stability_score

    def forward(
        self, image_embeddings: Tensor, point_coords: Tensor, point_labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(1, 256, 64, 64), (1, N, 2) and (1, N) to (1, 4) scores and (1, 4, 256, 256) logits."""
        masks, scores = self.model.decode(image_embeddings, point_coords, point_labels)
        return stability(masks) if self._use_stability_score else scores, masks


def export_onnx(
    checkpoint: str | Path,
    folder: str | Path,
    *,
    use_stability_score: bool = True,
    bilinear: bool = False,
) -> tuple[Path, Path]:
    """Write ``edge_sam_encoder.onnx`` and ``edge_sam_decoder.onnx``, and return their paths.

    The encoder takes ``image`` (1, 3, 1024, 1024), normalised and padded, and gives
    ``image_embeddings`` (1, 256, 64, 64). The decoder takes these, ``point_coords`` (1, N, 2)
    float32 in pixels of the input and ``point_labels`` (1, N) int64: 1 inside, 0 outside, 2 and 3
    the corners of a box, and -1 for the one point more that a prompt without a box has. It gives
    ``scores`` (1, 4) and ``masks`` (1, 4, 256, 256), logits. ``bilinear`` is for runtimes that
    cannot enlarge bicubically; it changes the answers a little.

    Raises EngineUnavailableError for a file that is not a valid checkpoint, and EngineError where
    onnxruntime computes something else than torch.
    """
    model = read_checkpoint(Path(checkpoint)).fuse()
    if bilinear:
        model.image_encoder.fuse_stage3.mode = "bilinear"
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, INPUT_PX, INPUT_PX, generator=generator)
    encoder, decoder = out / "edge_sam_encoder.onnx", out / "edge_sam_decoder.onnx"
    _export(model.image_encoder, {"image": image}, ["image_embeddings"], {}, encoder)
    with torch.no_grad():
        embeddings = model(image)
    prompts = {
        "image_embeddings": embeddings,
        "point_coords": torch.tensor([[[90.0, 80.0], [200.0, 300.0], [700.0, 900.0]]]),
        "point_labels": torch.tensor([[INSIDE, TOP_LEFT, BOTTOM_RIGHT]]),
    }
    points = {"point_coords": {1: "points"}, "point_labels": {1: "points"}}
    asked = _Decoder(model, use_stability_score).eval()
    _export(asked, prompts, ["scores", "masks"], points, decoder)
    click = {
        "image_embeddings": embeddings,
        "point_coords": torch.tensor([[[90.0, 80.0], [0.0, 0.0]]]),
        "point_labels": torch.tensor([[INSIDE, PADDING]]),
    }
    _compare(asked, click, decoder)
    return encoder, decoder


def _export(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: list[str],
    axes: Mapping[str, dict[int, str]],
    path: Path,
) -> None:
    torch.onnx.export(
        module,
        tuple(inputs.values()),
        str(path),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_axes=dict(axes),
        opset_version=OPSET,
        dynamo=False,
    )
    _compare(module, inputs, path)


def _compare(module: nn.Module, inputs: Mapping[str, Tensor], path: Path) -> None:
    """Run the file on the inputs; raise EngineError where it differs from the module."""
    from edgeseg.engines.onnx import open_session

    session = open_session(path)
    outputs: list[Any] = session.run(None, {name: each.numpy() for name, each in inputs.items()})
    with torch.no_grad():
        expected = module(*inputs.values())
    for one, other in zip(
        outputs, expected if isinstance(expected, tuple) else (expected,), strict=True
    ):
        apart = float(np.abs(one - other.numpy()).max())
        if apart > TOLERANCE * max(1.0, float(other.abs().max())):
            raise EngineError(f"{path.name} differs from torch by {apart:.3g}.")
