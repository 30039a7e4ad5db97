"""LiteRT files: what they take, and that their interpreter answers as torch does.

`make litert-test` runs this in an environment that has the converter.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.export import ExportOptions, export_model
from edgeseg.engines.export.agreement import Sample
from edgeseg.engines.export.graphs import Graph
from edgeseg.engines.export.litert import litert_run, write_litert
from edgeseg.errors import EngineError
from edgeseg.types import Image
from tests.unit.engines.export.conftest import SIDE

# Converting takes a minute of computing, which a busy machine stretches.
pytestmark = pytest.mark.timeout(1200)
POINTS = 3


@pytest.fixture(scope="module")
def folder(
    small: EngineOptions, photos: list[Image], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Both files, with predicted IoUs as scores, measured on a photo."""
    out = tmp_path_factory.mktemp("litert")
    options = ExportOptions(points=POINTS, stability_score=False, mask_input=True)
    samples = [Sample(photos[0])]
    export_model("edge-sam", "litert", out, options, engine_options=small, samples=samples)
    return out


def signature(path: Path) -> Any:
    return Interpreter(model_path=str(path)).get_signature_runner("serving_default")


def shapes(details: dict[str, Any]) -> dict[str, tuple[list[int], str]]:
    return {
        name: (each["shape"].tolist(), np.dtype(each["dtype"]).name)
        for name, each in details.items()
    }


def test_files_name_what_they_take_and_give(folder: Path) -> None:
    encoder = signature(folder / "edge_sam_encoder.tflite")
    grid = SIDE // 16
    assert shapes(encoder.get_input_details()) == {"image": ([1, 3, SIDE, SIDE], "float32")}
    embeddings = ([1, 256, grid, grid], "float32")
    assert shapes(encoder.get_output_details()) == {"image_embeddings": embeddings}
    decoder = signature(folder / "edge_sam_decoder.tflite")
    assert shapes(decoder.get_input_details()) == {
        "image_embeddings": embeddings,
        "point_coords": ([1, POINTS, 2], "float32"),
        "point_labels": ([1, POINTS], "int32"),
        "mask_input": ([1, 1, 4 * grid, 4 * grid], "float32"),
        "has_mask_input": ([1], "float32"),
    }
    assert shapes(decoder.get_output_details()) == {
        "scores": ([1, 4], "float32"),
        "masks": ([1, 4, 4 * grid, 4 * grid], "float32"),
    }


def test_the_card_lists_inputs_points_and_agreement(folder: Path) -> None:
    card = json.loads((folder / "edge_sam_litert.json").read_text())
    assert (card["target"], card["points"], card["precision"]) == ("litert", POINTS, "fp32")
    assert card["accuracy"] == {"box": 1.0, "click": 1.0}
    assert [each["name"] for each in card["files"]] == [
        "edge_sam_encoder.tflite",
        "edge_sam_decoder.tflite",
    ]
    labels = next(each for each in card["files"][1]["inputs"] if each["name"] == "point_labels")
    assert labels["shape"] == [1, POINTS]
    assert "-3 no point" in labels["meaning"]
    assert "litert-torch" in card["versions"]


def test_where_the_points_that_are_none_lie_changes_nothing(folder: Path) -> None:
    run = litert_run(folder / "edge_sam_decoder.tflite", POINTS, ("scores", "masks"))
    grid = SIDE // 16
    prompt = {
        "image_embeddings": np.random.default_rng(0)
        .normal(size=(1, 256, grid, grid))
        .astype(np.float32),
        "mask_input": np.zeros((1, 1, 4 * grid, 4 * grid), np.float32),
        "has_mask_input": np.zeros(1, np.float32),
    }
    answers = [
        run(
            prompt
            | {
                "point_coords": np.array([[[90, 80], [x, x], [x, 1]]], np.float32),
                "point_labels": np.array([[1, label, -3]]),
            }
        )[1]
        for x, label in ((0, -3), (700, -3), (700, -2))
    ]
    np.testing.assert_array_equal(answers[0], answers[1])
    # An ignored point is one all the same.
    assert np.abs(answers[0] - answers[2]).max() > 1e-3


def linear(weight: float) -> Graph:
    generator = torch.Generator().manual_seed(0)
    module = torch.nn.Linear(64, 64).eval().requires_grad_(False)
    module.weight.copy_(torch.randn(64, 64, generator=generator) * weight)
    image = torch.randn(1, 64, generator=generator)
    return Graph(module, {"image": image}, ("image_embeddings",), {})


def test_weights_may_have_16_bits(tmp_path: Path) -> None:
    sizes = []
    for precision in ("fp32", "fp16"):
        path = tmp_path / f"{precision}.tflite"
        part = write_litert(linear(1), path, precision, POINTS)
        assert part.inputs[0]["type"] == "float32"
        sizes.append(path.stat().st_size)
    weights = 64 * 64
    assert sizes[0] > 4 * weights
    assert sizes[1] < 3 * weights


def test_a_file_that_answers_otherwise_is_an_error(tmp_path: Path) -> None:
    # No number of 16 bits is as large.
    with pytest.raises(EngineError, match=r"encoder\.tflite differs from torch"):
        write_litert(linear(1e6), tmp_path / "encoder.tflite", "fp16", POINTS)
