"""``edgeseg label``: a folder of images to a data set, resumed after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest

from edgeseg.cli.export import read_results
from edgeseg.exporters import export
from tests.unit.cli.test_segment import edgeseg

CLASSES = "classes:\n  unicorn:\n  cat: [cat, kitten]\n  cup: {threshold: 1.0}\n"


@pytest.fixture
def folder(tmp_path: Path, photo_folder: Path) -> Path:
    """Two photos, one in a folder and once more as a copy, and a file that is no image."""
    (tmp_path / "photos" / "more").mkdir(parents=True)
    shutil.copy(photo_folder / "chelsea.png", tmp_path / "photos" / "more")
    shutil.copy(photo_folder / "coffee.png", tmp_path / "photos" / "coffee.png")
    shutil.copy(photo_folder / "coffee.png", tmp_path / "photos" / "coffee again.png")
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff and nothing more")
    (tmp_path / "classes.yaml").write_text(CLASSES)
    return tmp_path


def label(folder: Path, *more: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    return edgeseg(
        folder, "label", "photos", "-o", "set", "--classes", "classes.yaml", *more, code=code
    )


def test_a_data_set_of_a_folder(folder: Path, photo_folder: Path) -> None:
    done = label(folder, "--format", "coco", "--split", "1", "--review", code=1)
    assert "photos/broken.jpg" in done.stderr
    data = json.loads((folder / "set/train/annotations.json").read_text())
    assert [row["name"] for row in data["categories"]] == ["unicorn", "cat", "cup"]
    assert [row["file_name"] for row in data["images"]] == [
        "coffee again.png", "more/chelsea.png",
    ]  # fmt: skip
    # Two prompts of one class; the threshold of a cup lets none pass.
    assert {row["category_id"] for row in data["annotations"]} <= {1, 2}
    copied = (folder / "set/train/images/more/chelsea.png").read_bytes()
    assert copied == (photo_folder / "chelsea.png").read_bytes()
    figures = json.loads((folder / "set/summary.json").read_text())
    assert figures["copies"] == {"photos/coffee.png": "photos/coffee again.png"}
    assert list(figures["failed"]) == ["photos/broken.jpg"]
    assert figures["images"] == 2
    assert json.loads((folder / "set/review.json").read_text()) is not None
    assert "<h1>Data set set</h1>" in (folder / "set/report.html").read_text()


def test_the_results_can_be_exported_again(folder: Path) -> None:
    label(folder, "--split", "1", code=1)
    rows = read_results(str(folder / "set/results.jsonl"))
    assert [row.file_name for row in rows] == ["photos/coffee again.png", "photos/more/chelsea.png"]
    categories = json.loads(export(rows, "coco").data)["categories"]
    assert [row["name"] for row in categories] == ["unicorn", "cat", "cup"]


def test_images_are_linked_but_turned_ones_are_written(folder: Path, photo_folder: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    with PIL.Image.open(photo_folder / "coffee.png") as pil_image:
        pil_image.convert("RGB").save(folder / "photos" / "turned.jpg", exif=exif)
        size = pil_image.size
    label(folder, "--split", "1", "--link", code=1)
    images = folder / "set/train/images"
    assert (images / "more/chelsea.png").resolve() == folder / "photos/more/chelsea.png"
    assert not (images / "turned.jpg").is_symlink()
    with PIL.Image.open(images / "turned.jpg") as pil_image:
        assert pil_image.size == size[::-1]


def test_a_killed_run_is_resumed(folder: Path, photo_folder: Path) -> None:
    (folder / "photos/broken.jpg").unlink()
    for number in range(8):
        with PIL.Image.open(photo_folder / "coffee.png") as pil_image:
            pil_image.rotate(10 * (number + 1)).save(folder / f"photos/{number}.png")
    command = [
        sys.executable, "-m", "edgeseg.cli", "label", "photos", "-o", "set",
        "--classes", "classes.yaml", "-f", "coco",
    ]  # fmt: skip
    environment = {**os.environ, "EDGESEG_ENGINES": "fake", "EDGESEG_FAKE_LATENCY_S": "0.2"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        # One image is done, and its row with it.
        assert started.stdout.readline()
        started.send_signal(signal.SIGKILL)
    rows = (folder / "set/results.jsonl").read_text().splitlines()
    assert 1 <= len(rows) < 10
    # As a kill in the middle of a line leaves it.
    with (folder / "set/results.jsonl").open("a") as stream:
        stream.write('{"file": "photos/7.png", "pro')
    refused = label(folder, "-f", "coco", code=2)
    assert "--resume" in refused.stderr
    other = label(folder, "-f", "yolo", "--resume", code=2)
    assert "other options" in other.stderr
    done = label(folder, "-f", "coco", "--resume")
    assert f"{len(rows)} of 10 are done already." in done.stderr
    assert len((folder / "set/results.jsonl").read_text().splitlines()) == 10
    whole = {path.name: path.read_bytes() for path in folder.glob("set/*/annotations.json")}
    shutil.rmtree(folder / "set")
    label(folder, "-f", "coco")
    assert {path.name: path.read_bytes() for path in folder.glob("set/*/annotations.json")} == whole


def test_ctrl_c_finishes_with_what_there_is(folder: Path) -> None:
    command = [
        sys.executable, "-m", "edgeseg.cli", "label", "photos", "-o", "set",
        "--classes", "classes.yaml", "-f", "coco", "--split", "1",
    ]  # fmt: skip
    (folder / "photos/broken.jpg").unlink()
    environment = {**os.environ, "EDGESEG_ENGINES": "fake", "EDGESEG_FAKE_LATENCY_S": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as started:  # fmt: skip
        assert started.stdout is not None
        assert started.stderr is not None
        assert started.stdout.readline()
        started.send_signal(signal.SIGINT)
        said = started.stderr.read()
    assert started.returncode == 130
    assert "Stopped: 1 of 2 images are done" in said
    assert len(json.loads((folder / "set/train/annotations.json").read_text())["images"]) == 1


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--format", "geojson"), "[unknown_format]"),
        (("--split", "0"), "--split"),
        (("--classes", "missing.yaml"), "Cannot read missing.yaml"),
        (("-o", "photos"), "holds files and no data set"),
    ],
)
def test_wrong_usage_is_told_before_the_work(folder: Path, more: tuple[str, str], why: str) -> None:
    assert why in label(folder, *more, code=2).stderr
    assert not (folder / "set").exists()
