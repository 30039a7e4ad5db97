"""ONNX files answer as the engine does: padding points, ignored points, earlier masks, photos."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.edge_sam.engine import EdgeSamSegmenter
from edgeseg.engines.edge_sam.letterbox import Letterbox, stability
from edgeseg.engines.edge_sam.prompt_encoder import IGNORED
from edgeseg.engines.export import ExportOptions, export_model
from edgeseg.engines.export.agreement import Sample
from edgeseg.engines.export.graphs import Graph
from edgeseg.engines.export.job import Job
from edgeseg.engines.export.onnx_files import compare
from edgeseg.engines.export.precision import to_fp16
from edgeseg.errors import EngineError, InvalidParameterError
from edgeseg.types import Image
from tests.unit.engines.export.conftest import SIDE

CLICKS = np.array([[[300.0, 500.0], [700.0, 100.0]]], np.float32)
BOX = np.array([[[100.0, 200.0], [800.0, 900.0]]], np.float32)


@pytest.fixture(scope="module")
def engine(small: EngineOptions) -> EdgeSamSegmenter:
    loaded = registry.load("segment", "edge-sam", small)
    assert isinstance(loaded, EdgeSamSegmenter)
    return loaded


@pytest.fixture(scope="module")
def plain(small: EngineOptions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both networks and all that a decoder may take."""
    folder = tmp_path_factory.mktemp("plain")
    export_model("edge-sam", "onnx", folder, ExportOptions(mask_input=True), engine_options=small)
    return folder


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def ask(decoder: Any, embeddings: np.ndarray, points: np.ndarray, labels: list[int]) -> Any:
    """Return scores and masks without an earlier mask."""
    return decoder.run(
        None,
        {
            "image_embeddings": embeddings,
            "point_coords": points,
            "point_labels": np.array([labels]),
            "mask_input": np.zeros((1, 1, SIDE // 4, SIDE // 4), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
        },
    )


def wanted(
    engine: EdgeSamSegmenter, embeddings: np.ndarray, points: np.ndarray, labels: list[int]
) -> np.ndarray:
    """Return torch's masks for exactly these points."""
    with torch.inference_mode():
        masks, _ = engine.model.decode(
            torch.from_numpy(embeddings), torch.from_numpy(points), torch.tensor([labels])
        )
    array: np.ndarray = masks.numpy()
    return array


def test_the_networks_answer_as_torch_does(
    plain: Path, engine: EdgeSamSegmenter, photos: list[Image]
) -> None:
    pixels = engine.pixels(photos[0])
    (embeddings,) = session(plain / "edge_sam_encoder.onnx").run(None, {"image": pixels.numpy()})
    with torch.inference_mode():
        assert np.allclose(embeddings, engine.model(pixels).numpy(), atol=1e-3)
    decoder = session(plain / "edge_sam_decoder.onnx")
    scores, masks = ask(decoder, embeddings, BOX, [2, 3])
    assert np.allclose(masks, wanted(engine, embeddings, BOX, [2, 3]), atol=1e-3)
    assert np.allclose(scores, stability(torch.from_numpy(masks)).numpy(), atol=0.02)


def test_the_padding_point_is_added_where_the_predictor_adds_it(
    plain: Path, engine: EdgeSamSegmenter
) -> None:
    decoder = session(plain / "edge_sam_decoder.onnx")
    embeddings = np.random.default_rng(0).normal(size=(1, 256, 16, 16)).astype(np.float32)
    padded = np.concatenate([CLICKS, np.zeros((1, 1, 2), np.float32)], axis=1)
    expected = wanted(engine, embeddings, padded, [1, 0, -1])
    assert not np.allclose(expected, wanted(engine, embeddings, CLICKS, [1, 0]), atol=1e-3)
    # Added by the file, or by the caller and then not again.
    for points, labels in ((CLICKS, [1, 0]), (padded, [1, 0, -1])):
        assert np.allclose(ask(decoder, embeddings, points, labels)[1], expected, atol=1e-3)


def test_ignored_points_have_neither_place_nor_kind(plain: Path, engine: EdgeSamSegmenter) -> None:
    decoder = session(plain / "edge_sam_decoder.onnx")
    embeddings = np.random.default_rng(0).normal(size=(1, 256, 16, 16)).astype(np.float32)
    moved = CLICKS.copy()
    moved[0, 1] = (5, 5)
    one, other = (ask(decoder, embeddings, each, [1, IGNORED])[1] for each in (CLICKS, moved))
    assert np.array_equal(one, other)
    padded = np.concatenate([CLICKS, np.zeros((1, 1, 2), np.float32)], axis=1)
    assert np.allclose(one, wanted(engine, embeddings, padded, [1, IGNORED, -1]), atol=1e-3)


def test_an_earlier_mask_counts_where_it_is_said_to(plain: Path, engine: EdgeSamSegmenter) -> None:
    decoder = session(plain / "edge_sam_decoder.onnx")
    generator = np.random.default_rng(0)
    embeddings = generator.normal(size=(1, 256, 16, 16)).astype(np.float32)
    earlier = generator.normal(size=(1, 1, 64, 64)).astype(np.float32) * 8
    feed = {
        "image_embeddings": embeddings,
        "point_coords": BOX,
        "point_labels": np.array([[2, 3]]),
        "mask_input": earlier,
        "has_mask_input": np.ones(1, np.float32),
    }
    with torch.inference_mode():
        expected, _ = engine.model.decode(
            torch.from_numpy(embeddings),
            torch.from_numpy(BOX),
            torch.tensor([[2, 3]]),
            torch.from_numpy(earlier),
        )
    informed = decoder.run(None, feed)[1]
    assert np.allclose(informed, expected.numpy(), atol=1e-3)
    without = decoder.run(None, feed | {"has_mask_input": np.zeros(1, np.float32)})[1]
    assert not np.allclose(informed, without, atol=1e-2)
    assert np.allclose(without, wanted(engine, embeddings, BOX, [2, 3]), atol=1e-3)


def test_photos_go_in_and_their_masks_come_out(
    small: EngineOptions, engine: EdgeSamSegmenter, photos: list[Image], tmp_path: Path
) -> None:
    options = ExportOptions(processing=True, stability_score=False)
    export_model("edge-sam", "onnx", tmp_path, options, engine_options=small)
    encoder = session(tmp_path / "edge_sam_encoder.onnx")
    decoder = session(tmp_path / "edge_sam_decoder.onnx")
    for photo in photos:
        (embeddings,) = encoder.run(None, {"photo": photo.rgb})
        letterbox = Letterbox.for_size(photo.size_hw, SIDE)
        with torch.inference_mode():
            expected = engine.model(letterbox.render(photo, torch.device("cpu")))
        assert np.allclose(embeddings, expected.numpy(), atol=5e-3)
        height, width = photo.size_hw
        box = np.array([[[0.1 * width, 0.2 * height], [0.8 * width, 0.9 * height]]], np.float32)
        feed = {
            "image_embeddings": embeddings,
            "point_coords": box,
            "point_labels": np.array([[2, 3]]),
            "photo_size_hw": np.array(photo.size_hw),
        }
        _, masks, low = decoder.run(["scores", "masks", "low_res_masks"], feed)
        expected_low = wanted(engine, embeddings, letterbox.places(box), [2, 3])
        assert np.allclose(low, expected_low, atol=1e-3)
        restored = letterbox.restore(torch.from_numpy(expected_low)).numpy()
        assert masks.shape == (1, 4, *photo.size_hw)
        assert np.allclose(masks, restored, atol=1e-3)


def test_files_of_16_bits_are_half_as_large_and_agree(
    plain: Path, engine: EdgeSamSegmenter, tmp_path: Path
) -> None:
    for name in ("encoder", "decoder"):
        full, half = plain / f"edge_sam_{name}.onnx", tmp_path / f"{name}.onnx"
        shutil.copyfile(full, half)
        to_fp16(half)
        assert half.stat().st_size < 0.6 * full.stat().st_size
    pixels = engine.pixels(Image.from_array(np.full((90, 130, 3), 99, np.uint8)))
    (embeddings,) = session(tmp_path / "encoder.onnx").run(None, {"image": pixels.numpy()})
    with torch.inference_mode():
        assert np.allclose(embeddings, engine.model(pixels).numpy(), atol=0.05)
    full, half = (
        session(folder / name)
        for folder, name in ((plain, "edge_sam_decoder.onnx"), (tmp_path, "decoder.onnx"))
    )
    one, other = (ask(each, embeddings, CLICKS, [1, 0])[1] for each in (full, half))
    assert np.allclose(one, other, atol=0.05)
    # Places keep all digits: nothing before the sines is rounded.
    nodes = onnx.load(tmp_path / "decoder.onnx").graph.node
    makers = {name: node for node in nodes for name in node.output}
    waiting = [node for node in nodes if node.op_type in ("Sin", "Cos")]
    assert waiting
    while waiting:
        node = waiting.pop()
        halved = [each.i for each in node.attribute if each.name == "to"]
        assert onnx.TensorProto.FLOAT16 not in halved
        waiting += [makers[name] for name in node.input if name in makers]


def test_files_of_8_bits_are_calibrated_and_measured(
    small: EngineOptions, plain: Path, photos: list[Image], tmp_path: Path
) -> None:
    truth = np.zeros((1, *photos[2].size_hw), bool)
    truth[0, 20:80, 30:90] = True
    options = ExportOptions(precision="int8", photos=photos[:2], mask_input=True)
    exported = export_model(
        "edge-sam",
        "onnx",
        tmp_path,
        options,
        engine_options=small,
        samples=[Sample(photos[2], truth)],
    )
    assert set(exported.accuracy) == {
        f"{kind}{when}" for kind in ("box", "click") for when in ("", "_before", "_after")
    }
    assert exported.accuracy["box"] > 0.5
    card = json.loads((tmp_path / "edge_sam_int8_onnx.json").read_text())
    assert card["accuracy"] == exported.accuracy
    full, small_file = (plain / "edge_sam_decoder.onnx", tmp_path / "edge_sam_int8_decoder.onnx")
    assert small_file.stat().st_size < 0.4 * full.stat().st_size


def test_the_card_describes_the_files(plain: Path) -> None:
    text = (plain / "edge_sam_onnx.json").read_text()
    card = json.loads(text)
    assert "non-commercial" in card["licence_of_weights"]
    assert str(plain.parent) not in text
    assert [each["name"] for each in card["files"]] == [
        "edge_sam_encoder.onnx",
        "edge_sam_decoder.onnx",
    ]
    for each in card["files"]:
        data = (plain / each["name"]).read_bytes()
        assert each["sha256"] == hashlib.sha256(data).hexdigest()
        assert each["bytes"] == len(data)
    names = [each["name"] for each in card["files"][1]["inputs"]]
    assert names == [
        "image_embeddings",
        "point_coords",
        "point_labels",
        "mask_input",
        "has_mask_input",
    ]
    assert card["files"][1]["inputs"][1]["shape"] == [1, "points", 2]
    assert all(each["meaning"] for each in card["files"][1]["inputs"])


def test_nothing_is_replaced_or_left_half(
    small: EngineOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "edge_sam_decoder.onnx"
    other.write_bytes(b"somebody's")
    with pytest.raises(InvalidParameterError, match="--overwrite"):
        export_model("edge-sam", "onnx", tmp_path, engine_options=small)
    assert other.read_bytes() == b"somebody's"

    def fail(job: Job, *_: object) -> None:
        job.path("decoder", ".onnx").write_bytes(b"half")
        raise EngineError("differs")

    monkeypatch.setattr("edgeseg.engines.export.sam_family.write_sam", fail)
    with pytest.raises(EngineError):
        export_model("edge-sam", "onnx", tmp_path, engine_options=small, overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == [other.name]
    assert other.read_bytes() == b"somebody's"


def test_another_answer_than_torchs_is_an_error(plain: Path) -> None:
    class Other(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.full((1, 256, SIDE // 16, SIDE // 16), 1e3)

    graph = Graph(Other(), {"image": torch.zeros(1, 3, SIDE, SIDE)}, ("image_embeddings",), {})
    with pytest.raises(EngineError, match="differs"):
        compare(graph, plain / "edge_sam_encoder.onnx")


@pytest.mark.parametrize(
    ("engine_name", "target", "options", "message"),
    [
        ("fake", "onnx", ExportOptions(), "cannot be exported"),
        ("edge-sam", "tflite", ExportOptions(), "expected one of"),
        ("edge-sam", "onnx", ExportOptions(precision="int8"), "photos"),
        ("edge-sam", "onnx", ExportOptions(precision="int4"), "precision"),  # type: ignore[arg-type]
        ("edge-sam", "coreml", ExportOptions(processing=True), "processing"),
        ("edge-sam", "litert", ExportOptions(processing=True), "processing"),
        ("edge-sam", "litert", ExportOptions(precision="int8"), "fp32 or fp16"),
        ("edge-sam", "litert", ExportOptions(points=1), "points: expected 2 to 16, got 1"),
        ("edge-sam", "litert", ExportOptions(points=17), "points: expected 2 to 16, got 17"),
        ("nano", "coreml", ExportOptions(), "nano is in the package as ONNX"),
        ("nano", "litert", ExportOptions(), "nano is in the package as ONNX"),
    ],
)
def test_what_cannot_be_exported_is_said(
    engine_name: str, target: Any, options: ExportOptions, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        export_model(engine_name, target, tmp_path, options)
    assert not list(tmp_path.glob("*"))
