"""Decoders for a fixed number of points: those that are none change no answer."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.edge_sam import EdgeSam
from edgeseg.engines.edge_sam.prompt_encoder import ABSENT, IGNORED, PADDING
from edgeseg.engines.export import ExportOptions, export_model
from edgeseg.engines.export.graphs import AnyDecoder, decoder_graph
from edgeseg.engines.export.litert import filled
from edgeseg.errors import EngineUnavailableError
from tests.unit.engines.export.conftest import SIDE


def largest_difference(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> float:
    """Return it as a share of the largest number."""
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("padding_point", [True, False])
@pytest.mark.parametrize("mask_input", [True, False])
def test_only_points_labelled_as_none_change_nothing(padding_point: bool, mask_input: bool) -> None:
    torch.manual_seed(0)
    graph = decoder_graph(
        EdgeSam(0.25).eval(),
        SIDE,
        stability_score=False,
        padding_point=padding_point,
        mask_input=mask_input,
    )
    assert isinstance(graph.module, AnyDecoder)
    fixed = graph.module.of_fixed_count()
    for inputs in (graph.inputs, *graph.others):
        count = 5 - inputs["point_labels"].shape[1]
        places = torch.cat([inputs["point_coords"], torch.full((1, count, 2), 33.0)], dim=1)
        with torch.inference_mode():
            expected = graph.module(*inputs.values())
            apart = {}
            for label in (ABSENT, IGNORED, PADDING):
                added = torch.full((1, count), label)
                labels = torch.cat([inputs["point_labels"], added], dim=1).int()
                filled = inputs | {"point_coords": places, "point_labels": labels}
                apart[label] = largest_difference(fixed(*filled.values()), expected)
        assert apart[ABSENT] < 1e-5
        assert min(apart[IGNORED], apart[PADDING]) > 1e-2


def test_prompts_are_filled_up() -> None:
    feed = filled(
        {"point_coords": np.ones((1, 2, 2), np.float32), "point_labels": np.array([[2, 3]])}, 4
    )
    assert feed["point_labels"].tolist() == [[2, 3, ABSENT, ABSENT]]
    assert feed["point_labels"].dtype == np.int32
    assert feed["point_coords"].shape == (1, 4, 2)


def test_a_missing_converter_is_named(
    small: EngineOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, package=None: None if name == "litert_torch" else find(name, package),
    )
    with pytest.raises(EngineUnavailableError, match=r'pip install "edgeseg\[litert\]"'):
        export_model("edge-sam", "litert", tmp_path, engine_options=small)
    assert not list(tmp_path.iterdir())


def test_files_for_litert_enlarge_bilinearly_and_add_the_padding_point() -> None:
    options = ExportOptions()
    assert options.enlarges_bilinearly("litert")
    assert options.pads("litert")
    assert not options.enlarges_bilinearly("onnx")
