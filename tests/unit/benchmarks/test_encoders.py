"""Encoders are timed interleaved, and compared by the time of all cores."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edgeseg.benchmarks import encoders
from edgeseg.benchmarks.encoders import EncoderTime
from edgeseg.benchmarks.reference import Call
from edgeseg.cli.app import app
from edgeseg.cli.bench import bench

assert bench


def test_calls_are_interleaved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def call(name: str, *_: object) -> Call:
        def encode() -> None:
            order.append(name)
            time.sleep(0.002)

        return encode

    monkeypatch.setattr(encoders, "_call", call)
    times = encoders.measure([("one", "torch"), ("two", "onnxruntime")], tmp_path, 3, None)
    assert order == ["one", "two"] * 3
    assert [(each.engine, each.runtime) for each in times] == [
        ("one", "torch"),
        ("two", "onnxruntime"),
    ]
    # Sleeping takes time, but no CPU.
    assert all(each.cpu_ms < each.ms for each in times)


def test_the_table_compares_with_the_slowest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def measure(pairs: object, *_: object) -> list[EncoderTime]:
        asked.append(pairs)
        return [
            EncoderTime("edge-sam", "torch", 30, 50),
            EncoderTime("sam-vit-huge", "torch", 900, 2000),
        ]

    monkeypatch.setattr(encoders, "measure", measure)
    path = tmp_path / "times.json"
    done = CliRunner().invoke(app, ["bench", "encoders", "--json", str(path)])
    assert done.exit_code == 0, done.output
    assert "40.0" in done.output
    assert json.loads(path.read_text())[0]["cpu_ms"] == 50
    (pairs,) = asked
    assert isinstance(pairs, list)
    huge = [runtime for name, runtime in pairs if name == "sam-vit-huge"]
    assert huge == ["torch"], "the largest only in torch, unless it is named"
    refused = CliRunner().invoke(app, ["bench", "encoders", "--runtime", "tensorrt"])
    assert refused.exit_code == 2
