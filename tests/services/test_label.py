"""``edgeseg label --through``: the work is a stack's, and the data set is the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseg.stack.local import EmbeddedStack


def label(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable, "-m", "edgeseg.cli", "label", "photos", "--classes", "classes.yaml",
            "-f", "coco", "--split", "1", *more,
        ],
        cwd=folder, env={**os.environ, "EDGESEG_ENGINES": "fake"}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, photo_folder: Path) -> Path:
    (tmp_path / "photos" / "more").mkdir(parents=True)
    shutil.copy(photo_folder / "chelsea.png", tmp_path / "photos")
    shutil.copy(photo_folder / "coffee.png", tmp_path / "photos" / "more")
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff and nothing more")
    (tmp_path / "classes.yaml").write_text("classes: [unicorn, cat, cup]\n")
    return tmp_path


def test_a_stack_labels_as_this_process_does(stack: EmbeddedStack, folder: Path) -> None:
    here = label(folder, "-o", "here")
    there = label(folder, "-o", "there", "--through", stack.api_url, "--in-flight", "2")
    assert (here.returncode, there.returncode) == (1, 1), there.stderr
    for name in ("train/annotations.json", "summary.json"):
        ours, theirs = (json.loads((folder / out / name).read_text()) for out in ("here", "there"))
        if name == "summary.json":
            # The sentence about the broken file may differ, not that it is broken.
            assert list(ours.pop("failed")) == list(theirs.pop("failed")) == ["photos/broken.jpg"]
        assert ours == theirs
    assert len(json.loads((folder / "there/train/annotations.json").read_text())["images"]) == 2


def test_a_stack_that_does_not_answer_ends_the_work(folder: Path) -> None:
    done = label(folder, "-o", "set", "--through", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "Stopped: 0 of 3 images are done" in done.stderr
    assert "[unavailable]" in done.stderr
