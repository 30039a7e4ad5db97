"""The library starts where parts of Linux are missing: macOS and Windows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseg import platforms

# What macOS lacks, and what Windows lacks besides.
MISSING = {
    "macOS": ("('sched_getaffinity',)", "()"),
    "Windows": (
        "('sched_getaffinity', 'fork', 'getpgid', 'setsid', 'killpg')",
        "('fcntl', 'resource', 'pwd', 'grp', 'termios', 'tty', 'pty', 'syslog', 'uvloop')",
    ),
}
CODE = """
import os, signal, sys
for name in {names}:
    delattr(os, name)
if {modules}:
    del signal.SIGKILL
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {modules}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
for name in {modules}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Missing())
import edgeseg.client
from edgeseg.cli import main
from edgeseg import EdgeSegAI
assert EdgeSegAI().segment_image(sys.argv[1], "cat").objects
sys.argv = ["edgeseg", "segment", sys.argv[1], "cat", "--json", "-"]
main()
"""


@pytest.mark.parametrize("system", MISSING)
def test_it_segments_without(system: str, chelsea: Path) -> None:
    names, modules = MISSING[system]
    code = CODE.format(names=names, modules=modules)
    done = subprocess.run(
        [sys.executable, "-c", code, str(chelsea)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert '"label":"cat"' in done.stdout.replace(" ", "")


def test_cores_are_those_of_the_affinity_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    assert platforms.cpu_count() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert platforms.cpu_count() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert platforms.cpu_count() == 1


def test_the_cache_folder_that_exists_stays_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert platforms.cache_dir() == tmp_path / "elsewhere" / "edgeseg"
    (tmp_path / ".cache" / "edgeseg").mkdir(parents=True)
    assert platforms.cache_dir() == tmp_path / ".cache" / "edgeseg"
