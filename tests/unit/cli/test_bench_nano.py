"""``edgeseg bench nano``: it measures what it says; if that is fast is told by a quiet machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edgeseg.cli import bench
from edgeseg.cli.app import app
from edgeseg.cli.bench_nano import LIMITS, WARM_UP, _timed_ms


def test_the_figures_are_those_of_a_fresh_process(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    done = CliRunner().invoke(
        app, ["bench", "nano", "--engines", "nano", "--requests", "3", "--json", str(path)]
    )
    figures = json.loads(path.read_text())
    assert set(LIMITS) <= set(figures)
    assert figures["objects"] >= 1
    assert 20 < figures["peak_rss_mb"] < LIMITS["peak_rss_mb"]
    # Processor time: this machine may have other work.
    assert 0 < figures["refine_cpu_ms"] < figures["text_to_masks_cpu_ms"]
    missed = [name for name, limit in LIMITS.items() if figures[name] > limit]
    assert done.exit_code == (1 if missed else 0)


def test_the_warm_up_does_not_count() -> None:
    calls: list[int] = []
    spent_ms, cpu_ms = _timed_ms(lambda: calls.append(1), 4)
    assert len(spent_ms) == 4
    assert cpu_ms >= 0
    assert len(calls) == WARM_UP + 4


def test_the_stack_is_measured_only_when_nothing_else_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench, "overhead", pytest.fail)
    assert CliRunner().invoke(app, ["bench", "nano", "--help"]).exit_code == 0
