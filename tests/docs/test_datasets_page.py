"""docs/datasets.md: its ontology is read, and its command runs on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest

from edgeseg.datasets.formats import FORMAT_NAMES
from edgeseg.datasets.ontology import read_ontology

PAGE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (text, *_) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(text)


@pytest.fixture
def folder(tmp_path: Path, chelsea: Path) -> Path:
    (tmp_path / "photos" / "cam1").mkdir(parents=True)
    with PIL.Image.open(chelsea) as pil_image:
        pil_image.save(tmp_path / "photos" / "cam1" / "0001.jpg")
    (tmp_path / "classes.yaml").write_text(block("yaml"))
    return tmp_path


def test_the_command_runs_on_the_ontology(folder: Path) -> None:
    ontology = read_ontology(folder / "classes.yaml")
    assert ontology.names == ["cat", "mug", "person"]
    command = [sys.executable, "-m", *block("bash").split()]
    command[2] = "edgeseg.cli"
    environment = {**os.environ, "EDGESEG_ENGINES": "fake"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads((folder / "dataset" / "summary.json").read_text())
    assert [row["name"] for row in figures["classes"]] == ontology.names
    assert len(list(folder.glob("dataset/*/images/cam1/0001.jpg"))) == 1


def test_every_format_has_its_row() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE) == list(FORMAT_NAMES)
