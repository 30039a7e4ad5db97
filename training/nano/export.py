"""Export the trained models to the package's ONNX files, finished only when they agree."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from edgeseg.engines.onnx import open_session
from training.nano.detector import BINS, Detector
from training.nano.segmenter import ExportDecoder, Segmenter

OPSET = 17
# Relative to the outputs' spread: half-precision weights cost about 1e-3.
TOLERANCE = 2e-2


class ExportDetector(nn.Module):
    """Image -> distances to the sides in cells (1, L, 4), gain-scaled embeddings (1, L, D).

    A (D,) offset of all embeddings moves the logits of each phrase by its own amount.
    """

    def __init__(self, detector: Detector, offset: Tensor) -> None:
        super().__init__()
        self.detector = detector
        self.register_buffer("offset", offset)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        cells = self.detector(image)
        bins = torch.arange(BINS, dtype=torch.float32)
        return cells.sides.softmax(-1) @ bins, cells.embeddings * self.detector.gain + self.offset


class ExportEncoder(nn.Module):
    """Image -> the maps at strides 8 and 4 and the map of boxes."""

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__()
        self.encoder = segmenter.encoder

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.encoder(image)
        return maps.s8, maps.s4, maps.boxes


def halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 weights as float16 with a cast, which the runtime folds at load."""
    initializers, casts = [], []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < 256:
            initializers.append(tensor)
            continue
        small = numpy_helper.from_array(array.astype(np.float16), f"{tensor.name}_half")
        initializers.append(small)
        casts.append(helper.make_node("Cast", [small.name], [tensor.name], to=TensorProto.FLOAT))
    del model.graph.initializer[:]
    model.graph.initializer.extend(initializers)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def shorten_names(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give nodes and what passes between them short names: paths of modules are a tenth of a file.

    Inputs, outputs and weights keep theirs, those that a cast widens too.
    """
    graph = model.graph
    kept = {each.name for part in (graph.input, graph.output, graph.initializer) for each in part}
    weights = {each.name for each in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Cast", "Identity") and node.input[0] in weights:
            weights.add(node.output[0])
    kept |= weights
    short: dict[str, str] = {"": ""}
    for number, node in enumerate(graph.node):
        node.name = f"n{number}"
        node.doc_string = ""
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name not in kept:
                    names[place] = short.setdefault(name, f"t{len(short)}")
    del graph.value_info[:]
    return model


def export(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: list[str],
    axes: Mapping[str, dict[int, str]],
    out: Path,
    metadata: Mapping[str, str],
    *,
    fold: bool = True,
) -> None:
    """Write one ONNX file and compare it with torch; raises AssertionError where they differ.

    Without ``fold`` every weight is in the file as it is, by its name in the module.
    """
    module.eval()
    torch.onnx.export(
        module,
        tuple(inputs.values()),
        str(out),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_axes=dict(axes),
        opset_version=OPSET,
        do_constant_folding=fold,
        dynamo=False,
    )
    model = shorten_names(halve_weights(onnx.load(str(out))))
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    onnx.save(model, str(out))
    check_parity(module, inputs, out)


@torch.inference_mode()
def check_parity(module: nn.Module, inputs: Mapping[str, Tensor], out: Path) -> None:
    """Run both on the same input and compare every output."""
    session = open_session(out)
    got = session.run(None, {k: v.numpy() for k, v in inputs.items()})
    for mine, theirs in zip(module(*inputs.values()), got, strict=True):
        expected = mine.numpy()
        error = np.abs(expected - theirs).max() / max(1.0, float(np.abs(expected).max()))
        if not error < TOLERANCE:
            raise AssertionError(f"{out.name}: differs from torch by {error:.4f}")


def averaged(checkpoint: Path, other: Path | None, share: float) -> dict[str, Tensor]:
    """The weights to ship of a checkpoint, of which `share` is taken from an earlier one."""
    state: dict[str, Tensor] = torch.load(checkpoint, weights_only=True)["ema"]
    if other is None:
        return state
    earlier = torch.load(other, weights_only=True)["ema"]
    return {
        name: value.lerp(earlier[name], share) if value.dtype.is_floating_point else value
        for name, value in state.items()
    }


def export_detector(
    state: dict[str, Tensor], out: Path, calibration: Path | None = None, more: float = 0.0
) -> None:
    """Write detector.onnx; `calibration` is a file of `training.nano.calibrate`.

    `more` is added to every logit besides, which trades misses for false boxes.
    """
    detector = Detector(state["embedding.weight"].shape[0])
    detector.load_state_dict(state)
    shift, offset = 0.0, torch.zeros(state["embedding.weight"].shape[0])
    if calibration is not None:
        with np.load(calibration) as fitted:
            shift, offset = float(fitted["shift"]), torch.from_numpy(fitted["offset"])
    export(
        ExportDetector(detector, offset),
        {"image": torch.rand(1, 3, 256, 320)},
        ["sides", "embeddings"],
        {"image": {2: "height", 3: "width"}, "sides": {1: "cells"}, "embeddings": {1: "cells"}},
        out / "detector.onnx",
        {"bias": f"{float(detector.bias.detach()) + shift + more:.5f}"},
    )


def export_segmenter(state: dict[str, Tensor], out: Path) -> None:
    """Write encoder.onnx and decoder.onnx."""
    segmenter = Segmenter()
    segmenter.load_state_dict(state)
    segmenter.eval()
    plane = {2: "height", 3: "width"}
    image = torch.rand(1, 3, 256, 320)
    export(
        ExportEncoder(segmenter),
        {"image": image},
        ["s8", "s4", "boxes"],
        {"image": plane, **{n: {2: f"{n}_h", 3: f"{n}_w"} for n in ("s8", "s4", "boxes")}},
        out / "encoder.onnx",
        {},
    )
    with torch.inference_mode():
        maps = segmenter.encoder(image)
    low = torch.rand(3, 2) * 0.4
    inputs = {
        "s8": maps.s8.clone(),
        "s4": maps.s4.clone(),
        "image": image,
        "crops": torch.cat([low, low + 0.3 + torch.rand(3, 2) * 0.3], 1),
        "prompt": torch.rand(3, 5, 64, 64),
    }
    export(
        ExportDecoder(segmenter.decoder),
        inputs,
        ["logits", "quality"],
        {
            **{n: {2: f"{n}_h", 3: f"{n}_w"} for n in ("s8", "s4", "image")},
            **{n: {0: "prompts"} for n in ("crops", "prompt", "logits", "quality")},
        },
        out / "decoder.onnx",
        {},
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the package's weights folder")
    parser.add_argument("--detector", type=Path)
    parser.add_argument(
        "--earlier", type=Path, help="the same model of an earlier training run, to average with"
    )
    parser.add_argument("--share", type=float, default=0.5, help="how much of the earlier is taken")
    parser.add_argument("--segmenter", type=Path)
    parser.add_argument("--calibration", type=Path, help="a file of training.nano.calibrate")
    parser.add_argument("--shift", type=float, default=0.0, help="added to every logit besides")
    args = parser.parse_args()
    if args.earlier and args.detector and args.segmenter:
        parser.error("--earlier is of one model: export detector and segmenter one by one")
    if args.detector:
        state = averaged(args.detector, args.earlier, args.share)
        export_detector(state, args.out, args.calibration, args.shift)
    if args.segmenter:
        export_segmenter(averaged(args.segmenter, args.earlier, args.share), args.out)


if __name__ == "__main__":
    main()
