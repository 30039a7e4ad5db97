"""``edgeseg evaluate prompts``: what counts as right, and which files are refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgeseg.cli import main

ROWS = [
    {"kind": "names", "prompt": "cat . dog", "accept": "^CAT . dog$"},
    {"kind": "names", "prompt": "bus", "accept": "bus", "reject": "us$"},
    {
        "kind": "positions",
        "prompt": "second cup from the left",
        "accept": "^cup$",
        "filter": "^leftmost of cup, rank 2$",
    },
    {"kind": "positions", "prompt": "leftmost cup", "accept": "cup", "filter": "^$"},
]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command line in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["edgeseg", "evaluate", "prompts", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("as_array", [False, True])
def test_rows_are_right_when_all_three_expressions_agree(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    as_array: bool,
) -> None:
    file, out = tmp_path / "rows.jsonl", tmp_path / "out.json"
    lines = "\n".join(map(json.dumps, ROWS))
    file.write_text(json.dumps(ROWS) if as_array else lines)
    assert run(monkeypatch, file, "--simplifier", "nano", "--show", "--json", out) == 0
    text = capsys.readouterr().out
    assert "names      1/2    50.0%" in text
    assert "all        2/4    50.0%" in text
    assert "names: 'bus' -> bus" in text
    assert "positions: 'leftmost cup' -> cup [leftmost of cup]" in text
    assert "second cup" not in text
    figures = json.loads(out.read_text())
    assert figures["kinds"]["positions"] == {"right": 1, "all": 2}
    assert [row["prompt"] for row in figures["wrong"]] == ["bus", "leftmost cup"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no row"),
        ("cat", "cannot be read"),
        ('{"kind": "names", "prompt": "cat"}', "row 1: expected text for accept"),
        ('{"kind": "names", "prompt": "cat", "accept": "("}', "not a regular expression"),
        ('{"kind": "a", "prompt": "cat", "accept": "a", "answer": "a"}', "expected an object"),
    ],
)
def test_files_that_hold_no_rows_are_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    text: str,
    message: str,
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(text)
    assert run(monkeypatch, file) == 2
    assert message in " ".join(capsys.readouterr().err.split())
