"""Memory is measured in processes of its own, a stage alone and all of them both ways."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from edgeseg.benchmarks import memory, speed
from edgeseg.cli import COMMANDS
from edgeseg.cli.app import app
from edgeseg.types import Image


@pytest.mark.parametrize("combination", ["original", "entities"])
def test_each_way_is_measured(combination: str) -> None:
    names = dict.fromkeys(memory.COMBINATIONS[combination], "fake")
    told: list[str] = []
    peaks = memory.measure(names, {}, told.append)
    assert [peak.what.split()[0] for peak in peaks] == [*names, "sequential", "resident"]
    assert told == [peak.what for peak in peaks]
    assert all(20 < peak.rss_mb < 1000 for peak in peaks)
    assert all(peak.seconds > 0 for peak in peaks)


def test_weights_that_are_here_are_not_made_up(tmp_path: Path) -> None:
    assert memory.provide([("detect", "nano"), ("segment", "fake")], tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("combination", memory.COMBINATIONS)
def test_combinations_can_be_made_up(combination: str) -> None:
    writers = memory.blank_writers()
    for name in memory.COMBINATIONS[combination].values():
        assert name == "nano" or name in writers


def test_an_unknown_combination_is_refused() -> None:
    for command in COMMANDS:
        importlib.import_module(f"edgeseg.cli.{command}")
    done = CliRunner().invoke(app, ["bench", "memory", "everything"])
    assert done.exit_code == 2
    assert "grounded-sam-2" in done.output


def test_stages_are_timed(tmp_path: Path) -> None:
    image = Image.from_array(np.zeros((48, 64, 3), np.uint8))
    rows = speed.measure("segment", "fake", image, tmp_path, "cpu", "auto", 1)
    assert [row.what for row in rows] == [
        "embed",
        "segment 1 boxes",
        "segment 5 boxes",
        "segment 20 boxes",
        "refine, cached",
    ]
    assert all(row.ms > 0 for row in rows)
    (found,) = speed.measure("detect", "fake", image, tmp_path, "cpu", "auto", 1)
    assert found.reference_ms is None


def test_grounding_is_timed_in_two_images(tmp_path: Path) -> None:
    image = Image.from_array(np.zeros((48, 64, 3), np.uint8))
    (row,) = speed.measure("ground", "fake", image, tmp_path, "cpu", "auto", 1)
    assert row.what == "ground 4 phrases in 2 images"
    assert row.ms > 0
    assert row.reference_ms is None
