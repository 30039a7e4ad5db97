"""The notebook runs from its first cell to its last, and leaves what it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import PIL.Image

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"


def test_the_notebook_runs(tmp_path: Path) -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = "\n\n".join("".join(each["source"]) for each in cells if each["cell_type"] == "code")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg", "MPLCONFIGDIR": str(tmp_path / "mpl")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "['person', 'helmet']" in done.stdout
    out = tmp_path / "out" / "quickstart"
    assert json.loads((out / "coco.json").read_text())["annotations"]
    with PIL.Image.open(out / "plot.png") as plot:
        assert plot.width > 600


def test_it_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert all(not each.get("outputs") for each in cells)
    assert cells[0]["cell_type"] == "markdown"
