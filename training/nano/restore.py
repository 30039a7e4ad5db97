"""Make checkpoints of the shipped ONNX files, so that a training run can begin from them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from training.common.data import load_nano
from training.common.loop import Trainer
from training.nano import train_detector, train_segmenter
from training.nano.backbone import ConvBN
from training.nano.detector import Detector
from training.nano.export import ExportDetector, ExportEncoder
from training.nano.mask_views import MaskViews
from training.nano.segmenter import ExportDecoder, Segmenter
from training.nano.train_detector import DetectorTrainer
from training.nano.train_segmenter import MaskBatch, SegmenterTrainer, collate

SHIPPED = Path(__file__).parents[2] / "edgeseg" / "engines" / "nano" / "weights"
STEPS = 300
"""How many steps the checkpoints claim: the warm-up lies behind them."""
BATCHES, BATCH = 12, 8
"""How many canvases the statistics of batch norm are read from."""
SPREAD = 1.5
"""Root mean square of a kernel's entries, relative to that of a fresh kernel."""

B = TypeVar("B")
Layer = nn.Conv2d | nn.Linear


class Saved(NamedTuple):
    """A layer's numbers in an ONNX file."""

    weight: Tensor
    """(out, in) or (out, in, k, k)"""
    bias: Tensor | None
    """(out,); None where the file adds it in a node of its own, under its module's name."""


def read_tensors(model: onnx.ModelProto) -> dict[str, Tensor]:
    """Float32 tensors of any shape by name; the halved and the shared ones by every name."""
    tensors = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
        for tensor in model.graph.initializer
    }
    for node in model.graph.node:
        if node.op_type in ("Cast", "Identity") and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
    return tensors


def read_layers(model: onnx.ModelProto, tensors: Mapping[str, Tensor]) -> list[Saved]:
    """Convolutions and linear layers in the order in which they run."""
    layers = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[1] not in tensors:
            continue
        weight = tensors[node.input[1]]
        is_aligned = node.op_type == "Conv" or any(
            a.name == "transB" and a.i for a in node.attribute
        )
        bias = tensors[node.input[2]] if len(node.input) > 2 else None
        layers.append(Saved(weight if is_aligned else weight.T, bias))
    return layers


@torch.no_grad()
def layers_run(module: nn.Module, inputs: tuple[Tensor, ...]) -> list[Layer]:
    """The layers in the order in which `module` runs them; a shared one comes each time."""
    order: list[Layer] = []

    def note(layer: nn.Module, given: object, result: object) -> None:
        order.append(cast(Layer, layer))

    hooks = [m.register_forward_hook(note) for m in module.modules() if isinstance(m, Layer)]
    module.eval()(*inputs)
    for hook in hooks:
        hook.remove()
    return order


def copy_into(target: Tensor, value: Tensor) -> None:
    """Copy a value of the very same shape."""
    if target.shape != value.shape:
        raise ValueError(f"expected {tuple(target.shape)}, the file has {tuple(value.shape)}")
    target.copy_(value)


@torch.no_grad()
def load_weights(module: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> dict[str, str]:
    """Load what `training.nano.export` made of `module`; returns the file's metadata.

    Batch norms only add their bias afterwards: their scale is in the kernels.
    """
    model = onnx.load(str(path))
    tensors = read_tensors(model)
    order = layers_run(module, inputs)
    for name, parameter in module.named_parameters():
        # What the file lacks would stay random; this way it is found.
        copy_into(parameter, tensors.get(name, torch.full_like(parameter, torch.nan)))
    norms = {
        block[0]: cast(nn.BatchNorm2d, block[1])
        for block in module.modules()
        if isinstance(block, ConvBN)
    }
    for layer, saved in zip(order, read_layers(model, tensors), strict=True):
        copy_into(layer.weight, saved.weight)
        norm = norms.get(layer)
        bias = layer.bias if norm is None else norm.bias
        if norm is not None:
            neutralise(norm)
        if bias is not None and saved.bias is not None:
            copy_into(bias, saved.bias)
    return {entry.key: entry.value for entry in model.metadata_props}


def neutralise(norm: nn.BatchNorm2d) -> None:
    """Let a batch norm of C channels, in evaluation, change nothing but add its (C,) bias."""
    norm.weight.fill_(1.0)
    cast(Tensor, norm.running_mean).fill_(0.0)
    cast(Tensor, norm.running_var).fill_(1.0 - norm.eps)


def check_filled(model: nn.Module) -> None:
    """Raise a ValueError where a parameter was in no file."""
    missing = [n for n, p in model.named_parameters() if not bool(p.isfinite().all())]
    if missing:
        raise ValueError(f"no weights of {', '.join(missing)}")


def read_segmenter(weights: Path) -> Segmenter:
    """The segmenter of encoder.onnx and decoder.onnx; it must be settled before training."""
    segmenter = Segmenter()
    image = torch.zeros(1, 3, 64, 64)
    maps = (torch.zeros(1, 64, 8, 8), torch.zeros(1, 32, 16, 16))
    prompt = (torch.tensor([[0.2, 0.2, 0.8, 0.8]]), torch.zeros(1, 5, 64, 64))
    load_weights(ExportEncoder(segmenter), (image,), weights / "encoder.onnx")
    load_weights(
        ExportDecoder(segmenter.decoder), (*maps, image, *prompt), weights / "decoder.onnx"
    )
    check_filled(segmenter)
    return segmenter


def read_detector(weights: Path, dim: int) -> Detector:
    """The detector of detector.onnx; it must be settled before training.

    The calibration's offset of the embeddings is left out, but its shift of all logits cannot be
    told from the bias: training moves it back within a few steps, and an export is calibrated anew.
    """
    detector = Detector(dim)
    module = ExportDetector(detector, torch.zeros(dim))
    metadata = load_weights(module, (torch.zeros(1, 3, 64, 64),), weights / "detector.onnx")
    nn.init.constant_(detector.bias, float(metadata["bias"]))
    check_filled(detector)
    return detector


@torch.no_grad()
def settle(model: nn.Module, forward: Callable[[B], object], batches: Iterable[B]) -> None:
    """Give each batch norm the statistics of its inputs, and undo their effect in evaluation.

    `forward` runs the model on a batch. Mean and variance are averages over its runs, as those that
    training keeps: a layer that runs once per level has those of all levels.
    """
    inputs_of: dict[ConvBN, list[Tensor]] = {}

    def watch(block: ConvBN) -> Callable[[nn.Module, object, Tensor], None]:
        def note(conv: nn.Module, given: object, result: Tensor) -> None:
            moments = torch.var_mean(result.float(), (0, 2, 3))
            inputs_of.setdefault(block, []).append(torch.stack(moments))

        return note

    blocks = [m for m in model.modules() if isinstance(m, ConvBN)]
    hooks = [block[0].register_forward_hook(watch(block)) for block in blocks]
    model.eval()
    for batch in batches:
        forward(batch)
    for hook in hooks:
        hook.remove()
    for block, moments in inputs_of.items():
        var, mean = torch.stack(moments).mean(0)
        unfold(block, mean, var)


def unfold(block: ConvBN, mean: Tensor, var: Tensor) -> None:
    """Part a folded kernel from its norm; `mean` and `var` (C,) are of the kernel's output."""
    conv, norm = cast(nn.Conv2d, block[0]), cast(nn.BatchNorm2d, block[1])
    # The norm undoes any scale of the kernel, but Muon's steps and the decay have a size of their
    # own: at the usual scale of kernels they move this one by the usual share.
    fan_in = conv.weight[0].numel()
    scale = SPREAD / (3 * fan_in) ** 0.5 / conv.weight.square().mean().sqrt()
    conv.weight.mul_(scale)
    running_var = var * scale**2
    copy_into(cast(Tensor, norm.running_mean), mean * scale)
    copy_into(cast(Tensor, norm.running_var), running_var)
    copy_into(norm.weight, (running_var + norm.eps).sqrt() / scale)
    norm.bias.add_(mean)


def save(trainer: Trainer[B]) -> None:
    """Write the checkpoint of a trainer whose model was restored."""
    trainer.ema.model.load_state_dict(trainer.model.state_dict())
    trainer.steps = STEPS
    trainer.save()


def fresh(checkpoint: Path) -> Path:
    """The same path; a FileExistsError keeps what has been trained."""
    if checkpoint.exists():
        raise FileExistsError(checkpoint)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    return checkpoint


def restore_segmenter(weights: Path, checkpoint: Path, batches: Iterable[MaskBatch]) -> None:
    """Write segmenter.pt for `training.nano.train_segmenter`; batches as they are trained on."""
    trainer = SegmenterTrainer(fresh(checkpoint), rate=0.0, backbone=None)
    trainer.segmenter.load_state_dict(read_segmenter(weights).state_dict())
    settle(trainer.segmenter, trainer.losses, batches)
    save(trainer)


def restore_detector(weights: Path, checkpoint: Path, batches: Iterable[Tensor]) -> None:
    """Write detector.pt for `training.nano.train_detector`, with fresh adapters.

    Batches are (B, 3, H, W) in [0, 1].
    """
    # The checkpoint knows no names.
    trainer = DetectorTrainer(["cat"], fresh(checkpoint), rate=0.0)
    dim = trainer.detector.embedding.out_channels
    trainer.detector.load_state_dict(read_detector(weights, dim).state_dict())
    settle(trainer.detector, lambda images: trainer.detector(images.to(trainer.device)), batches)
    save(trainer)


def draw(views: MaskViews, sizes: tuple[int, ...]) -> Iterable[MaskBatch]:
    """BATCHES batches of canvases, the sizes by turns."""
    for i in range(BATCHES):
        size = sizes[i % len(sizes)]
        yield collate([views.sample(size) for _ in range(BATCH)])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with nano/")
    parser.add_argument("cache", type=Path, help="folder for decoded photos")
    parser.add_argument("out", type=Path, help="folder for segmenter.pt and detector.pt")
    parser.add_argument("--weights", type=Path, default=SHIPPED, help="folder of the ONNX files")
    args = parser.parse_args()
    torch.manual_seed(0)
    photos = load_nano(args.data, args.cache)
    views = MaskViews(photos, seed=0, count=train_segmenter.INSTANCES)
    batches = draw(views, train_segmenter.SIZES)
    restore_segmenter(args.weights, args.out / "segmenter.pt", batches)
    images = (batch.images.float().div(255) for batch in draw(views, train_detector.SIZES))
    restore_detector(args.weights, args.out / "detector.pt", images)


if __name__ == "__main__":
    main()
