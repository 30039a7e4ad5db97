"""No mask or result from outside kills the process that reads it, nor is one read wrongly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.fuzz.masks import count_for

# The C library aborts where its heap was written over, if it comes with its checks.
CHECKS = {
    "LD_PRELOAD": "libc_malloc_debug.so.0",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "MALLOC_PERTURB_": "165",
}


def run(module: str, count: int) -> str:
    """Run a module in a process of its own and return what follows "seed 16: "."""
    environment = {**os.environ, **(CHECKS if sys.platform == "linux" else {})}
    done = subprocess.run(
        [sys.executable, "-m", f"tests.fuzz.{module}", "16", str(count)],
        cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.partition(": ")[2]


def test_a_process_that_reads_any_mask_lives() -> None:
    count = count_for(3_000, 100_000)
    told = run("masks", count)
    assert int(told.split()[2]) > count // 10, told


def test_a_process_that_exports_any_result_lives() -> None:
    count = count_for(500, 20_000)
    told = json.loads(run("results", count).partition(", ")[2])
    assert told["exported"] > count // 10, told
    assert told["invalid_parameter"] > count // 10, told
