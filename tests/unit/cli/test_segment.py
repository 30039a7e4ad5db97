"""``edgeseg segment`` on files, folders and globs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from edgeseg.cli.segment import find_images
from edgeseg.errors import NoImageError
from edgeseg.schemas import SegmentationResult


def edgeseg(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder with the fake engines, and expect an exit code."""
    environment = {**os.environ, "EDGESEG_ENGINES": "fake"}
    done = subprocess.run(
        [sys.executable, "-m", "edgeseg.cli", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path, photo_folder: Path) -> Path:
    for name in ("chelsea.png", "coffee.png"):
        shutil.copy(photo_folder / name, tmp_path)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_one_picture(folder: Path) -> None:
    done = edgeseg(
        folder, "segment", "chelsea.png", "the cat",
        "-o", "new/out.png", "--json", "out.json", "--mask", "mask.png",
    )  # fmt: skip
    assert done.stdout.startswith("chelsea.png: the cat . 1 found in ")
    row = json.loads((folder / "out.json").read_text())
    assert row.pop("file") == "chelsea.png"
    result = SegmentationResult.model_validate(row)
    assert result.objects[0].label == "the cat"
    with PIL.Image.open(folder / "new" / "out.png") as picture:
        assert picture.size == (451, 300)
    with PIL.Image.open(folder / "mask.png") as mask:
        assert (np.asarray(mask) > 0).sum() == result.objects[0].area


def test_a_folder_makes_a_file_for_each(folder: Path) -> None:
    edgeseg(folder, "segment", ".", "thing", "-o", "drawn", "--json", "all.json")
    assert sorted(path.name for path in (folder / "drawn").iterdir()) == [
        "chelsea.png",
        "coffee.png",
    ]
    assert [row["file"] for row in json.loads((folder / "all.json").read_text())] == [
        "chelsea.png",
        "coffee.png",
    ]


def test_a_picture_that_fails_does_not_stop_the_others(folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"nothing")
    done = edgeseg(folder, "segment", "*.jpg", "*.png", "thing", "-o", "drawn", code=1)
    assert "broken.jpg: The file is no image" in done.stderr
    assert len(list((folder / "drawn").iterdir())) == 2


def test_json_alone_on_standard_output(folder: Path) -> None:
    done = edgeseg(folder, "segment", "chelsea.png", "the cat", "--json", "-")
    assert json.loads(done.stdout)["prompt"] == "the cat"


def test_equal_names_do_not_overwrite_each_other(folder: Path) -> None:
    (folder / "more").mkdir()
    shutil.copy(folder / "chelsea.png", folder / "more")
    edgeseg(folder, "segment", "chelsea.png", "more/chelsea.png", "cat", "-o", "drawn")
    names = sorted(path.name for path in (folder / "drawn").iterdir())
    assert names == ["chelsea.png", "chelsea_2.png"]


def test_no_output_takes_the_name_of_another(folder: Path) -> None:
    for name in ("a.png", "a_2.png", "b/a.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "chelsea.png", folder / name)
    edgeseg(folder, "segment", "a.png", "b/a.png", "a_2.png", "cat", "-o", "drawn")
    names = sorted(path.name for path in (folder / "drawn").iterdir())
    assert names == ["a.png", "a_2.png", "a_2_2.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["chelsea.png", " . "], 1, "edgeseg: The prompt holds no words. [empty_prompt]"),
        (["missing.png", "cat"], 1, "[no_image]"),
        (["notes.txt", "cat"], 1, "[invalid_image]"),
        (["*.gif", "cat"], 1, "No picture matches *.gif"),
        (["chelsea.png", "cat", "--box-threshold", "2"], 1, "[invalid_parameter]"),
        (["chelsea.png", "cat", "--detector", "yolo"], 1, "[unknown_engine]"),
        (["chelsea.png", "cat", "-o", "drawn.xyz"], 1, "got drawn.xyz. [invalid_parameter]"),
        (["chelsea.png", "cat", "-o", "notes.txt/a.png"], 1, "edgeseg: notes.txt"),
        (["chelsea.png", "cat", "--json", "notes.txt/a.json"], 1, "edgeseg: notes.txt"),
        (["chelsea.png", "cat", "--ttl", "-5"], 2, "--ttl"),
        (["a**b", "cat"], 1, "No picture matches a**b"),
        (["a" * 300, "cat"], 1, "File name too long"),
        (["chelsea.png"], 2, "Missing argument"),
    ],
)
def test_errors_are_one_sentence(
    folder: Path, arguments: list[str], code: int, message: str
) -> None:
    done = edgeseg(folder, "segment", *arguments, code=code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_finding_pictures(folder: Path) -> None:
    files = [folder / "chelsea.png", folder / "coffee.png"]
    assert find_images([str(folder)]) == files
    assert find_images([str(folder / "c*.*"), str(folder)]) == files
    assert find_images([str(folder / "new.png")]) == [folder / "new.png"]
    (folder / "folder.png").mkdir()
    assert find_images([str(folder)]) == files
    (folder / "empty").mkdir()
    with pytest.raises(NoImageError):
        find_images([str(folder / "empty")])
