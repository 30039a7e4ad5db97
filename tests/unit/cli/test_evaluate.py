"""``edgeseg evaluate`` and ``evaluate masks``: what they print, write, refuse and resume."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgeseg.cli import main
from edgeseg.cli.outputs import is_ours
from tests.unit.evaluation.mask_data import SQUARE, annotation, write_coco


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Two images with one object each."""
    rows = [annotation(1, 1, SQUARE), annotation(2, 2, SQUARE)]
    return write_coco(tmp_path, ["a.png", "b.png"], rows)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command line in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["edgeseg", "evaluate", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def masks(truth: Path, *more: object) -> tuple[object, ...]:
    place = ("--annotations", truth, "--images", truth.parent)
    return ("masks", *place, "--segmenter", "fake", *more)


def test_masks_are_measured_shown_and_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], truth: Path
) -> None:
    out, lines, sheets = (truth.parent / name for name in ("out.json", "out.jsonl", "sheets"))
    more = ("--clicks", 1, "--noc", 2, "--json", out, "--save-json", lines, "--sheets", sheets)
    assert run(monkeypatch, *masks(truth, *more)) == 0
    text = capsys.readouterr().out
    assert "EdgeSAM (paper)           76.7  78.1    48.0" in text
    assert "NoC@85" in text
    result = json.loads(out.read_text())
    # The fake segmenter draws the ellipse in a box.
    assert result["prompts"]["box"]["by_clicks"][0]["miou"] == pytest.approx(0.785, abs=0.02)
    assert result["engine"]["name"] == "fake"
    assert result["prompts"]["box"]["by_clicks"][0]["large"] is None
    assert (result["format"], result["images"], result["protocol"]["seed"]) == ("coco", 2, 0)
    assert sum('"object"' in line for line in lines.read_text().splitlines()) == 6
    pages = sorted(path.name for path in sheets.iterdir())
    assert pages == ["worst-box-1.png", "worst-centre-1.png", "worst-noc-1.png"]
    assert is_ours(sheets / pages[0])


def test_files_of_others_are_kept_and_runs_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], truth: Path
) -> None:
    lines = truth.parent / "out.jsonl"
    lines.write_text("mine\n")
    assert run(monkeypatch, *masks(truth, "--save-json", lines)) == 2
    assert run(monkeypatch, *masks(truth, "--save-json", lines, "--resume")) == 2
    assert lines.read_text() == "mine\n"
    assert run(monkeypatch, *masks(truth, "--save-json", lines, "--overwrite")) == 0
    before = lines.read_text()
    assert run(monkeypatch, *masks(truth, "--save-json", lines, "--resume")) == 0
    assert lines.read_text() == before
    assert run(monkeypatch, *masks(truth, "--clicks", 1, "--save-json", lines, "--resume")) == 2
    assert "same options" in capsys.readouterr().err
    assert run(monkeypatch, *masks(truth, "--resume")) == 2


def test_mask_ap_needs_boxes_and_classes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], truth: Path
) -> None:
    boxes = truth.parent / "boxes.json"
    row = {"category_id": 1, "bbox": [10, 10, 40, 40], "score": 0.9}
    boxes.write_text(json.dumps([{**row, "image_id": number} for number in (1, 2)]))
    assert run(monkeypatch, *masks(truth, "--boxes", boxes)) == 0
    head = capsys.readouterr().out.splitlines()[0]
    assert head.endswith("mask AP, %")
    assert run(monkeypatch, *masks(truth, "--prompt", "box,sketch")) == 2
    assert "expected one of box, centre" in capsys.readouterr().err


def test_detection_is_still_evaluate_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], truth: Path
) -> None:
    place = ("--annotations", truth, "--images", truth.parent)
    engines = ("--detector", "none", "--segmenter", "fake")
    assert run(monkeypatch, *place, *engines) == 0
    assert json.loads(capsys.readouterr().out)["box_to_mask"]["miou"] > 0.7
    assert run(monkeypatch) == 2
    assert "--annotations and --images are required" in capsys.readouterr().err
    assert run(monkeypatch, *place, *masks(truth)) == 2
    assert "put options after 'masks'" in capsys.readouterr().err
