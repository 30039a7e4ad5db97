"""Networks as CoreML packages for iOS 16 and later; converting needs no Mac, running does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgeseg.engines.export.card import MEANINGS, Part
from edgeseg.engines.export.graphs import Graph
from edgeseg.engines.export.onnx_files import check, expected, need
from edgeseg.engines.export.options import MAX_POINTS, Precision
from edgeseg.engines.export.quiet import quiet
from edgeseg.errors import EngineError

# Weights of fewer numbers stay as they are.
QUANTISED_FROM = 512
# Of 16 bits, as a share of the largest number.
TOLERANCE = 0.05
PIXELS = (
    "RGB from 0 to 255, longest side scaled to the input's, the rest filled with the colour "
    "(124, 116, 104)"
)


def write_coreml(graph: Graph, path: Path, precision: Precision, image_input: bool = False) -> Part:
    """Write one network as ``.mlpackage``; on a Mac its numbers are compared with torch's.

    fp32 computes in 32 bits, fp16 in 16 but for the places of points; int8 is fp16 with weights
    of 8 bits. With ``image_input`` the input ``image`` is one of CoreML's images.
    """
    need("coremltools", "coreml")
    with quiet():
        import coremltools

        with torch.inference_mode():
            traced = torch.jit.trace(graph.module, tuple(graph.inputs.values()), check_trace=False)
        with _scalars_of_one_number():
            model = coremltools.convert(
                traced,
                inputs=_inputs(graph, image_input),
                outputs=[coremltools.TensorType(name=name) for name in graph.outputs],
                convert_to="mlprogram",
                minimum_deployment_target=coremltools.target.iOS16,
                compute_precision=_compute_precision(precision),
            )
        if precision == "int8":
            model = _quantised(model)
        for value in (*model.get_spec().description.input, *model.get_spec().description.output):
            text = PIXELS if value.name == "image" else MEANINGS.get(value.name, "")
            is_input = value.name in graph.inputs
            (model.input_description if is_input else model.output_description)[value.name] = text
        model.save(str(path))
    if sys.platform == "darwin":
        compare(graph, path, image_input)
    return describe(model, path)


def compare(graph: Graph, path: Path, image_input: bool) -> None:
    """Run a package on the graph's inputs, on a Mac; raise EngineError where it differs."""
    import coremltools

    model = coremltools.models.MLModel(str(path))
    for inputs in (graph.inputs, *graph.others):
        feed: dict[str, Any] = {name: each.numpy() for name, each in inputs.items()}
        if image_input:
            feed["image"] = _as_image(feed["image"])
        outputs = model.predict(feed)
        wanted = expected(graph.module, inputs)
        check(path.name, [outputs[name] for name in graph.outputs], wanted, TOLERANCE)


def _as_image(pixels: np.ndarray) -> Any:
    from PIL import Image as PillowImage

    return PillowImage.fromarray(pixels[0].transpose(1, 2, 0).astype(np.uint8))


def _inputs(graph: Graph, image_input: bool) -> list[Any]:
    import coremltools

    inputs: list[Any] = []
    count = coremltools.RangeDim(lower_bound=1, upper_bound=MAX_POINTS, default=1)
    for name, tensor in graph.inputs.items():
        shape = list(tensor.shape)
        for axis in graph.open_axes.get(name, ()):
            shape[axis] = count
        if image_input and name == "image":
            colours = coremltools.colorlayout.RGB
            inputs.append(coremltools.ImageType(name, shape, color_layout=colours))
        else:
            kind = np.float32 if tensor.is_floating_point() else np.int32
            inputs.append(coremltools.TensorType(name, shape, dtype=kind))
    return inputs


def _compute_precision(precision: Precision) -> Any:
    import coremltools

    if precision == "fp32":
        return coremltools.precision.FLOAT32
    return coremltools.transform.FP16ComputePrecision(op_selector=_computes_in_16_bits)


def _computes_in_16_bits(operation: Any) -> bool:
    """Say whether an operation may: not from the places of points to the sines of their angles."""
    return _sources(operation, {}) != {"point_coords"}


def _sources(operation: Any, known: dict[int, set[str]]) -> set[str]:
    """Return the names of the inputs that an operation depends on, and "sine" behind one."""
    if id(operation) in known:
        return known[id(operation)]
    found: set[str] = set()
    known[id(operation)] = found
    for value in operation.inputs.values():
        for each in value if isinstance(value, list | tuple) else [value]:
            if each is None:
                continue
            if each.op is None:
                found.add(each.name)
            else:
                found |= _sources(each.op, known)
                if each.op.op_type in ("sin", "cos"):
                    found.add("sine")
    return found


def _quantised(model: Any) -> Any:
    from coremltools.optimize import coreml

    each = coreml.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=QUANTISED_FROM)
    return coreml.linear_quantize_weights(model, coreml.OptimizationConfig(global_config=each))


def describe(model: Any, path: Path) -> Part:
    """Describe a package by its specification."""
    description = model.get_spec().description
    inputs, outputs = (
        [
            {"name": value.name, **_kind(value), "meaning": value.shortDescription}
            for value in values
        ]
        for values in (description.input, description.output)
    )
    return Part(path, inputs, outputs)


def _kind(value: Any) -> dict[str, Any]:
    if value.type.WhichOneof("Type") == "imageType":
        image = value.type.imageType
        return {"shape": [image.height, image.width], "type": "image"}
    array = value.type.multiArrayType
    ranges = [
        lower if lower == upper else f"{lower}..{upper}"
        for lower, upper in (
            (size.lowerBound, size.upperBound) for size in array.shapeRange.sizeRanges
        )
    ]
    name = array.ArrayDataType.Name(array.dataType).lower()
    return {"shape": ranges or list(array.shape), "type": name}


@contextmanager
def _scalars_of_one_number() -> Iterator[None]:
    """Let its casts to numbers take arrays of one number, as NumPy did before version 2.4."""
    from coremltools.converters.mil.frontend.torch import ops

    if not hasattr(ops, "_cast"):
        raise EngineError("This version of coremltools is not known; install coremltools==9.0.")
    original = ops._cast

    def cast(context: Any, node: Any, kind: Any, name: str) -> None:
        (value,) = ops._get_inputs(context, node, expected=1)
        if value.can_be_folded_to_const():
            number = kind(np.asarray(value.val).item())
            context.add(ops.mb.const(val=number, name=node.name), node.name)
        else:
            original(context, node, kind, name)

    ops._cast = cast
    try:
        yield
    finally:
        ops._cast = original
