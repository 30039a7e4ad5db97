"""Every example runs, and says what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.export import ExportOptions, export_model
from edgeseg.engines.weights.store import WeightStore
from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack
from edgeseg.testing.checkpoints import edge_sam

EXAMPLES = Path(__file__).parents[2] / "examples"
# Example: its arguments, and what its output must hold.
CASES = {
    "segment_photo.py": (
        ["photo.jpg", "the cat"],
        ["prompt: the cat", "cat 0.", "covered"],
    ),
    "many_photos.py": (
        ["cat .", "photo.jpg", "missing.jpg"],
        ["photo.jpg: cat", "missing.jpg: Cannot read"],
    ),
    "refine_with_points.py": (["photo.jpg", "220", "150"], ["clicked: ", "corrected: "]),
    "own_engine.py": (["red.png"], ["something red: box (20.0, 10.0, 60.0, 50.0)"]),
    "judge_generated.py": (
        ["A cat and a cup", "photo.jpg", "photo.jpg"],
        ["missing: cup", "presence: 1 of 2", "cat_0 is cat_0 of photo.jpg"],
    ),
    "onnx_predictor.py": (
        ["out", "photo.jpg", "--inside", "220", "150", "-o", "out/mask.png"],
        ["out/mask.png: ", "of the photo, score", "encoded in"],
    ),
    "over_http.py": (["photo.jpg", "cat"], ["simplify finished", "task done", "refined: "]),
}


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_example(name: str, tmp_path: Path, chelsea: Path) -> None:
    with PIL.Image.open(chelsea) as pil_image:
        pil_image.save(tmp_path / "photo.jpg", quality=92)
    red = PIL.Image.new("RGB", (80, 60), "gray")
    red.paste("red", (20, 10, 60, 50))
    red.save(tmp_path / "red.png")
    if name == "onnx_predictor.py":
        export_small(tmp_path / "out")
    if name != "over_http.py":
        check(name, tmp_path, {})
        return
    settings = Settings(engines="nano", api_port=0, data_dir=tmp_path / "stack", worker_niceness=0)
    with EmbeddedStack(settings) as stack:
        check(name, tmp_path, {"EDGESEG_API_URL": stack.api_url})


def export_small(folder: Path) -> None:
    """Export a quarter of EdgeSAM's width and input, with random weights, as the example says."""
    folder.mkdir()
    edge_sam.write(folder, width=0.25)
    overrides = {"edge-sam": str(folder / "edge_sam.pth")}
    small = EngineOptions(store=WeightStore(folder, overrides=overrides), edge_sam_input_px=256)
    export_model("edge-sam", "onnx", folder, ExportOptions(processing=True), engine_options=small)


def check(name: str, folder: Path, environment: dict[str, str]) -> None:
    """Run an example in a folder and look for what it should say; no file there is replaced."""
    own = {each.name for each in folder.glob("*.*")}
    arguments, expected = CASES[name]
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for part in expected:
        assert part in done.stdout
    assert {each.name for each in folder.glob("*.*")} == own


def test_the_page_includes_each_example() -> None:
    """By marks that the site's generator knows: a formatter once took them for code."""
    page = (EXAMPLES.parent / "docs" / "examples.md").read_text()
    included = re.findall(r'^--8<-- "examples/(.+)"$', page, flags=re.MULTILINE)
    assert sorted(included) == sorted(path.name for path in EXAMPLES.glob("*.py"))
