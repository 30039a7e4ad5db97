"""``edgeseg export-model``: files and their card, and one sentence for what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import PIL.Image
import pytest
from typer.testing import CliRunner

from edgeseg.cli.app import app
from edgeseg.cli.export_model import _read
from edgeseg.engines.compiled.openvino import core
from edgeseg.engines.export import exportable
from edgeseg.errors import EdgeSegError, InvalidParameterError


def run(*arguments: str | Path) -> str:
    """Run the command; raise what it raises."""
    done = CliRunner().invoke(app, ["export-model", *map(str, arguments)])
    if done.exception is not None and isinstance(done.exception, EdgeSegError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_nano_is_copied_with_a_card(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "nano_encoder.onnx" in run("nano", "--to", "onnx", "-o", out)
    assert sorted(each.name for each in out.iterdir()) == [
        "nano_decoder.onnx",
        "nano_encoder.onnx",
        "nano_onnx.json",
    ]
    card = json.loads((out / "nano_onnx.json").read_text())
    assert card["licence_of_weights"] == "Apache-2.0"
    session = onnxruntime.InferenceSession(str(out / "nano_encoder.onnx"))
    names = [each.name for each in session.get_inputs()]
    assert [each["name"] for each in card["files"][0]["inputs"]] == names
    with pytest.raises(InvalidParameterError, match="--overwrite"):
        run("nano", "--to", "onnx", "-o", out)
    run("nano", "--to", "onnx", "-o", out, "--overwrite")


def test_nano_is_converted_to_openvino(tmp_path: Path) -> None:
    run("nano", "--to", "openvino", "-o", tmp_path)
    model = core().read_model(tmp_path / "nano_decoder.xml")
    session = onnxruntime.InferenceSession(str(_copied(tmp_path) / "nano_decoder.onnx"))
    assert {each.any_name for each in model.inputs} == {each.name for each in session.get_inputs()}


def _copied(folder: Path) -> Path:
    run("nano", "--to", "onnx", "-o", folder / "onnx")
    return folder / "onnx"


def test_which_engines_can_be_exported() -> None:
    names = exportable()
    for name in ("nano", "edge-sam", "mobile-sam", "sam2.1-tiny", "sam-vit-huge"):
        assert name in names
    assert "fake" not in names


def test_photos_are_halved_into_calibration_and_measuring(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(5):
        PIL.Image.fromarray(np.full((8, 9, 3), index, np.uint8)).save(photos / f"{index}.png")
    calibrate, measure = _read(photos, None, 4)
    assert [int(each.rgb[0, 0, 0]) for each in calibrate] == [0, 1]
    assert [int(each.image.rgb[0, 0, 0]) for each in measure] == [2, 3]
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4], "iscrowd": 0}
    polygon = {"segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]], "area": 16}
    rows = [{**box, **polygon}, {**box, **polygon, "id": 2, "image_id": 2}]
    truth = {
        "images": [
            {"id": index + 1, "file_name": f"{index}.png", "height": 8, "width": 9}
            for index in range(3)
        ],
        "categories": [{"id": 1, "name": "cup"}],
        "annotations": rows,
    }
    annotations = tmp_path / "truth.json"
    annotations.write_text(json.dumps(truth))
    calibrate, measure = _read(photos, annotations, 64)
    assert len(calibrate) == 1
    assert measure[0].truth.shape == (1, 8, 9)
    assert measure[0].truth[0, 2, 2]
    with pytest.raises(InvalidParameterError, match="--photos"):
        _read(None, annotations, 64)
    shutil.rmtree(photos)
    photos.mkdir()
    PIL.Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(photos / "one.png")
    with pytest.raises(InvalidParameterError, match="two photos"):
        _read(photos, None, 64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nano", "--to", "tflite"), "expected one of onnx"),
        (("nano", "--to", "onnx", "--scores", "best"), "scores"),
        (("fake", "--to", "onnx"), "cannot be exported"),
        (("edge-sam", "--to", "onnx", "--checkpoint", "nowhere.pth"), "nowhere"),
    ],
)
def test_what_is_wrong_is_said(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(EdgeSegError, match=message):
        run(*arguments, "-o", tmp_path)


def test_the_number_of_points_for_litert_is_checked(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match="points: expected 2 to 16, got 1"):
        run("edge-sam", "--to", "litert", "--points", "1", "-o", tmp_path)
