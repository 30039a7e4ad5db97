"""FPSeg as ONNX: encoder and decoder apart, and the whole as the original's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgeseg.engines.export.graphs import Graph
from edgeseg.engines.export.onnx_files import expected, trace, write_onnx
from edgeseg.engines.export.runtime import onnx_run
from edgeseg.engines.fpseg.checkpoint import start_model
from edgeseg.engines.fpseg.encoders import resolved
from edgeseg.engines.fpseg.model import FPSeg, enlarged
from edgeseg.errors import EngineError
from edgeseg.files import replacing
from training.common.distributed import World
from training.fpseg.config import ExportOnnx, ModelOptions

ENCODER, DECODER = "encoder", "decoder"
# Share of the pixels whose logit is so near 0 that rounding decides.
MASK_TOLERANCE = 1e-3


class WholeEncoder(nn.Module):
    """(1, 3, S, S) uint8 RGB to the embedding."""

    def __init__(self, model: FPSeg) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        """Normalise and encode."""
        return self.model.encode(image)


class WholeDecoder(nn.Module):
    """An embedding and the prompts of any classes to their logits."""

    def __init__(self, model: FPSeg) -> None:
        super().__init__()
        self.model = model

    def forward(self, image_embeddings: Tensor, prompts: Tensor) -> Tensor:
        """(1, C, h, w) and (N, T, C) to (N, 4h, 4w)."""
        return self.model.decode_prompts(image_embeddings, prompts)


class Whole(nn.Module):
    """(1, 3, S, S) uint8 RGB to masks of all classes at the size of the photo."""

    def __init__(self, model: FPSeg, size_hw: tuple[int, int], as_masks: bool) -> None:
        super().__init__()
        self.model, self._size_hw, self._as_masks = model, size_hw, as_masks

    def forward(self, image: Tensor) -> Tensor:
        """Return (1, N, 1, H, W) bool masks, or float32 logits."""
        logits = enlarged(self.model(image), self._size_hw)[None, :, None]
        return logits > 0 if self._as_masks else logits


def export_onnx(config: ExportOnnx, world: World) -> None:
    """Write the three files, each compared with torch before it counts as written.

    The encoder takes ``image``, the decoder ``image_embeddings`` and ``prompts`` of any number of
    classes and tokens and gives ``logits``; the whole takes ``image`` and gives ``masks`` or
    ``logits``. Raises EngineError where onnxruntime computes something else.
    """
    if not world.is_first:
        return
    model = start_model(
        config.encoder, config.checkpoint, config.n_classes, config.prompt_size, config.input_px
    ).eval()
    model.requires_grad_(False)
    config.output_dir.mkdir(parents=True, exist_ok=True)
    name = file_stem(config)
    size = (config.target_size[0], config.target_size[1])
    graphs = {
        f"{name}_{ENCODER}": encoder_graph(model),
        f"{name}_{DECODER}": decoder_graph(model),
        name: whole_graph(model, size, config.whole_output == "masks"),
    }
    for stem, graph in graphs.items():
        path = config.output_dir / f"{stem}.onnx"
        write(graph, path)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, agrees with torch", flush=True)


def file_stem(config: ModelOptions) -> str:
    """Return the original's name of a model's files."""
    return f"fpseg_ps{config.prompt_size}_{resolved(config.encoder)}"


def write(graph: Graph, path: Path) -> None:
    """Write and compare a file beside its place, and put it there when both have succeeded."""
    with replacing(path) as part:
        if "masks" not in graph.outputs:
            write_onnx(graph, part)
            return
        trace(graph, part)
        (found,) = onnx_run(part)({name: each.numpy() for name, each in graph.inputs.items()})
        (wanted,) = expected(graph.module, graph.inputs)
        apart = float(np.mean(found != wanted.numpy()))
        if apart > MASK_TOLERANCE:
            raise EngineError(f"{path.name} differs from torch in {apart:.2%} of the pixels.")


def encoder_graph(model: FPSeg) -> Graph:
    """The encoder, with the normalisation in it."""
    return Graph(WholeEncoder(model).eval(), {"image": _noise(model)}, ("image_embeddings",), {})


def decoder_graph(model: FPSeg) -> Graph:
    """The decoder, for any number of classes with prompts of any length."""
    with torch.no_grad():
        embedding = model.encode(_noise(model))
    prompts = model.prompt_encoder.prompt_embeddings.detach()
    few = torch.cat([prompts[:1], prompts[:1]], dim=1)
    inputs: dict[str, Any] = {"image_embeddings": embedding, "prompts": prompts}
    return Graph(
        WholeDecoder(model).eval(),
        inputs,
        ("logits",),
        {"prompts": {0: "classes", 1: "tokens"}, "logits": {0: "classes"}},
        ({**inputs, "prompts": few}, {**inputs, "prompts": prompts.flip(0)}),
    )


def whole_graph(model: FPSeg, size_hw: tuple[int, int], as_masks: bool) -> Graph:
    """Everything in one file, its number of classes fixed, as the original's."""
    output = "masks" if as_masks else "logits"
    return Graph(Whole(model, size_hw, as_masks).eval(), {"image": _noise(model)}, (output,), {})


def _noise(model: FPSeg) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (1, 3, model.input_px, model.input_px)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
