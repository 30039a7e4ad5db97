"""No mask from outside kills the process that reads it, nor is one read wrongly."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.fuzz.masks import count_for


def test_a_process_that_reads_any_mask_lives() -> None:
    command = [sys.executable, "-m", "tests.fuzz.masks", "16", str(count_for())]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    accepted = re.search(r"masks, (\d+) accepted", done.stdout)
    assert accepted is not None
    assert int(accepted[1]) > count_for() // 10
