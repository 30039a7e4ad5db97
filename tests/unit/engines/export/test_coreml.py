"""CoreML packages: their specification everywhere, their numbers where a Mac can run them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.edge_sam import EdgeSam
from edgeseg.engines.export import ExportOptions, export_model
from edgeseg.engines.export.coreml import write_coreml
from edgeseg.engines.export.graphs import Graph, decoder_graph
from tests.unit.engines.export.conftest import SIDE

coremltools = pytest.importorskip("coremltools", reason="the extra coreml is not installed")
IOS_16 = 7


@pytest.fixture(scope="module")
def folder(small: EngineOptions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both packages, with weights of 8 bits."""
    out = tmp_path_factory.mktemp("coreml")
    export_model("edge-sam", "coreml", out, ExportOptions(precision="int8"), engine_options=small)
    return out


def specification(path: Path) -> Any:
    return coremltools.models.MLModel(str(path), skip_model_load=True).get_spec()


def operations(spec: Any) -> list[Any]:
    (function,) = spec.mlProgram.functions.values()
    (block,) = function.block_specializations.values()
    return list(block.operations)


def test_the_encoder_takes_an_image(folder: Path) -> None:
    spec = specification(folder / "edge_sam_int8_encoder.mlpackage")
    assert spec.specificationVersion == IOS_16
    (image,) = spec.description.input
    assert image.name == "image"
    kind = image.type.imageType
    assert (kind.width, kind.height) == (SIDE, SIDE)
    assert kind.colorSpace == kind.ColorSpace.Value("RGB")
    (embeddings,) = spec.description.output
    assert embeddings.name == "image_embeddings"
    assert list(embeddings.type.multiArrayType.shape) == [1, 256, SIDE // 16, SIDE // 16]


def test_the_decoder_takes_1_to_16_points(folder: Path) -> None:
    spec = specification(folder / "edge_sam_int8_decoder.mlpackage")
    assert spec.specificationVersion == IOS_16
    inputs = {each.name: each.type.multiArrayType for each in spec.description.input}
    assert list(inputs) == ["image_embeddings", "point_coords", "point_labels"]
    for name in ("point_coords", "point_labels"):
        count = inputs[name].shapeRange.sizeRanges[1]
        assert (count.lowerBound, count.upperBound) == (1, 16)
    outputs = {each.name: each.type.multiArrayType for each in spec.description.output}
    assert list(outputs) == ["scores", "masks"]
    assert list(outputs["masks"].shape) == [1, 4, SIDE // 4, SIDE // 4]
    assert all(each.shortDescription for each in spec.description.input)


def test_weights_have_8_bits_and_places_32(folder: Path) -> None:
    spec = specification(folder / "edge_sam_int8_decoder.mlpackage")
    kinds = [each.type for each in operations(spec)]
    assert kinds.count("constexpr_affine_dequantize") > 20
    sines = [each for each in operations(spec) if each.type in ("sin", "cos")]
    assert sines
    float32 = 11
    for each in sines:
        assert each.outputs[0].type.tensorType.dataType == float32
    halves = [
        each
        for each in operations(spec)
        if each.type == "conv_transpose" and each.outputs[0].type.tensorType.dataType == 10
    ]
    assert len(halves) == 2


@pytest.mark.skipif(sys.platform != "darwin", reason="CoreML runs on Macs alone")
def test_numbers_agree_with_torch(small: EngineOptions, tmp_path: Path) -> None:
    # The export itself compares them there, and leaves no file where they differ.
    options = ExportOptions(precision="fp16", padding_point=True, mask_input=True)
    exported = export_model("edge-sam", "coreml", tmp_path, options, engine_options=small)
    assert [path for path in exported.files if not path.exists()] == []
    assert {path.suffix for path in exported.files} == {".mlpackage", ".json"}


def test_a_decoder_may_add_the_padding_point(tmp_path: Path) -> None:
    graph = decoder_graph(
        EdgeSam(0.25).eval(), SIDE, stability_score=False, padding_point=True, mask_input=True
    )
    path = tmp_path / "decoder.mlpackage"
    part = write_coreml(graph, path, "fp32")
    names = [each["name"] for each in part.inputs]
    assert names[-2:] == ["mask_input", "has_mask_input"]
    assert part.inputs[1]["shape"] == [1, "1..16", 2]
    # The added point's number depends on the labels.
    assert any(each.type == "slice_by_index" for each in operations(specification(path)))


def test_an_input_may_be_a_tensor(tmp_path: Path) -> None:
    module = torch.nn.Conv2d(3, 4, 3).eval().requires_grad_(False)
    graph = Graph(module, {"image": torch.zeros(1, 3, 8, 8)}, ("image_embeddings",), {})
    part = write_coreml(graph, tmp_path / "encoder.mlpackage", "fp32")
    assert (part.inputs[0]["type"], part.inputs[0]["shape"]) == ("float32", [1, 3, 8, 8])
    assert part.outputs[0]["type"] == "float32"
