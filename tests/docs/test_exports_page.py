"""docs/exports.md: its commands run, and it names every format."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest

from edgeseg.exporters import FORMATS

PAGE = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, chelsea: Path) -> Path:
    with PIL.Image.open(chelsea) as pil_image:
        pil_image.save(tmp_path / "photo.jpg", quality=92)
    return tmp_path


def run(command: list[str], folder: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "EDGESEG_ENGINES": "fake"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_commands_run(folder: Path) -> None:
    lines = [line for line in blocks("bash")[0].splitlines() if line.startswith("edgeseg")]
    assert len(lines) == 4
    run(["bash", "-euo", "pipefail", "-c", "\n".join(lines)], folder)
    assert json.loads((folder / "coco.json").read_text())["images"][0]["file_name"] == "photo.jpg"
    assert (folder / "yolo.zip").exists()
    assert (folder / "dataset" / "images" / "photo.jpg").exists()


def test_the_library_runs(folder: Path) -> None:
    run([sys.executable, "-c", blocks("python")[0]], folder)
    assert json.loads((folder / "coco.json").read_text())["annotations"]


def test_every_format_has_its_row() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE) == list(FORMATS)


def test_examples_in_json_are_json() -> None:
    for block in blocks("json"):
        assert json.loads(block)
