"""``edgeseg segment`` on files, folders and globs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from edgeseg.cli.inputs import find_images
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
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_one_image(folder: Path) -> None:
    done = edgeseg(
        folder, "segment", "chelsea.png", "the cat",
        "-o", "new/out.png", "--json", "out.json", "--mask", "mask.png",
    )  # fmt: skip
    assert done.stdout.startswith("chelsea.png: the cat 1 found in ")
    row = json.loads((folder / "out.json").read_text())
    assert row.pop("file") == "chelsea.png"
    result = SegmentationResult.model_validate(row)
    assert result.objects[0].label == "the cat"
    with PIL.Image.open(folder / "new" / "out.png") as pil_image:
        assert pil_image.size == (451, 300)
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


def test_an_image_that_fails_does_not_stop_the_others(folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"nothing")
    done = edgeseg(folder, "segment", "*.jpg", "*.png", "thing", "-o", "drawn", code=1)
    assert "broken.jpg: The file is not a valid image" in done.stderr
    assert len(list((folder / "drawn").iterdir())) == 2


def test_json_alone_on_standard_output(folder: Path) -> None:
    done = edgeseg(folder, "segment", "chelsea.png", "the cat", "--json", "-")
    assert json.loads(done.stdout)["prompt"] == "the cat"


def test_equal_names_do_not_overwrite_each_other(folder: Path) -> None:
    (folder / "more").mkdir()
    shutil.copy(folder / "chelsea.png", folder / "more")
    edgeseg(folder, "segment", "chelsea.png", "more/chelsea.png", "cat", "-o", "drawn")
    assert drawn(folder) == ["chelsea.png", "more/chelsea.png"]


def test_no_output_takes_the_name_of_another(folder: Path) -> None:
    for name in ("a.png", "a_2.png", "b/a.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "chelsea.png", folder / name)
    edgeseg(folder, "segment", "a.png", "b/a.png", "a_2.png", "cat", "-o", "drawn")
    assert drawn(folder) == ["a.png", "a_2.png", "b/a.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["chelsea.png", " . "], 2, "edgeseg: The prompt holds no words. [empty_prompt]"),
        (["missing.png", "cat"], 1, "[no_image]"),
        (["notes.txt", "cat"], 1, "[invalid_image]"),
        (["*.gif", "cat"], 1, "No image matches *.gif"),
        (["chelsea.png", "cat", "--box-threshold", "2"], 2, "[invalid_parameter]"),
        (["chelsea.png", "cat", "--detector", "yolo"], 2, "[unknown_engine]"),
        (["chelsea.png", "cat", "-o", "drawn.xyz"], 2, "got drawn.xyz. [invalid_parameter]"),
        (["chelsea.png", "cat", "-o", "notes.txt/a.png"], 2, "edgeseg: notes.txt"),
        (["chelsea.png", "cat", "--json", "notes.txt/a.json"], 2, "edgeseg: notes.txt"),
        (["chelsea.png", "cat", "--ttl", "-5"], 2, "--ttl"),
        (["a**b", "cat"], 1, "No image matches a**b"),
        (["a" * 300, "cat"], 1, "File name too long"),
        (["chelsea.png"], 2, "Missing argument"),
        (["chelsea.png", "cat", "--device", "bogus"], 2, "[invalid_parameter]"),
        (["chelsea.png", "cat", "--max-objects", "0"], 2, "[invalid_parameter]"),
        (["chelsea.png", "cat", "--max-objects", "many"], 2, "--max-objects"),
        ([".", "cat", "-o", "notes.txt"], 2, "notes.txt is a file; several images need a folder"),
        ([".", "cat", "--mask", "notes.txt"], 2, "notes.txt is a file; several images"),
        (["chelsea.png", "cat", "--mask", "mask"], 2, "mask: expected an image's name"),
        (["chelsea.png", "cat", "--mask", "mask.xyz"], 2, "mask: expected an image's name"),
        (["chelsea.png", "cat", "-o", "out.bmp"], 2, "out: expected an image's name"),
        (["chelsea.png", "cat", "-o", ""], 2, "out: expected the name"),
        (["chelsea.png", "cat", "-o", "a.png", "--mask", "a.png"], 2, "would be written twice"),
        (["chelsea.png", "cat", "-o", "a.png", "--json", "./a.png"], 2, "would be written twice"),
        (["", "cat"], 2, "The name of an image is empty"),
        (["https://example.com/a.jpg", "cat"], 1, "is an address: download the image"),
        (["empty", "cat"], 1, "No image matches empty"),
        (["above", "cat"], 1, "only in folders below it: name them as 'above/**/*'"),
    ],
)
def test_errors_are_one_sentence(
    folder: Path, arguments: list[str], code: int, message: str
) -> None:
    (folder / "empty").mkdir()
    (folder / "above" / "below").mkdir(parents=True)
    (folder / "above" / "below" / "a.png").touch()
    before = {each: each.read_bytes() for each in folder.glob("*.*")}
    done = edgeseg(folder, "segment", *arguments, code=code)
    assert {each: each.read_bytes() for each in folder.glob("*.*")} == before
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def drawn(folder: Path) -> list[str]:
    """The files below ``drawn``, relative to it."""
    files = [path for path in (folder / "drawn").rglob("*") if path.is_file()]
    return sorted(path.relative_to(folder / "drawn").as_posix() for path in files)


def found(*sources: Path | str) -> list[Path | None]:
    return [each.path for each in find_images([str(source) for source in sources])]


def test_finding_images(folder: Path) -> None:
    files = [folder / "chelsea.png", folder / "coffee.png"]
    assert found(folder) == files
    assert found(folder / "c*.*", folder) == files
    assert found(folder / "new.png") == [folder / "new.png"]
    assert found("-") == [None]
    (folder / "folder.png").mkdir()
    for name in ("._chelsea.png", ".hidden.jpg", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(b"not an image")
    assert found(folder) == files
    (folder / "empty").mkdir()
    with pytest.raises(NoImageError):
        found(folder / "empty")


def test_brackets_are_part_of_a_name_first(folder: Path) -> None:
    inside = folder / "photos [2024]"
    inside.mkdir()
    shutil.copy(folder / "chelsea.png", inside / "a[1].png")
    assert found(inside / "*.png") == [inside / "a[1].png"]
    assert found(inside / "a[1].png") == [inside / "a[1].png"]
    assert found(folder / "[a-d]helsea.png") == [folder / "chelsea.png"]


def test_a_folder_of_heic_images_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.HEIC").write_bytes(b"")
    with pytest.raises(NoImageError, match="convert them to JPEG"):
        found(tmp_path)


def test_the_folder_of_the_inputs_is_no_place_for_outputs(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.glob("*.png")}
    done = edgeseg(folder, "segment", ".", "thing", "-o", ".", code=2)
    assert "chelsea.png is an input and would be replaced" in done.stderr
    (folder / "link").symlink_to(folder)
    done = edgeseg(folder, "segment", ".", "thing", "-o", "link", code=2)
    assert "is an input" in done.stderr
    done = edgeseg(folder, "segment", "coffee.png", "thing", "--mask", "chelsea.png", code=2)
    assert "chelsea.png exists and is not a result of EdgeSeg" in done.stderr
    done = edgeseg(folder, "segment", "coffee.png", "thing", "--json", "notes.txt", code=2)
    assert "notes.txt exists" in done.stderr
    assert {path: path.read_bytes() for path in before} == before
    edgeseg(folder, "segment", "coffee.png", "thing", "--mask", "chelsea.png", "--overwrite")
    assert (folder / "chelsea.png").read_bytes() != before[folder / "chelsea.png"]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff"])
def test_own_outputs_are_replaced_and_are_no_inputs(folder: Path, suffix: str) -> None:
    arguments = ["chelsea.png", "cat", "-o", f"out.{suffix}", "--json", "out.json"]
    for _ in range(2):
        edgeseg(folder, "segment", *arguments, "--mask", "mask.png")
    assert found(folder) == [folder / "chelsea.png", folder / "coffee.png"]


@pytest.mark.parametrize("source", ["one", "one/*.png"])
def test_a_folder_of_one_image_is_several(folder: Path, source: str) -> None:
    (folder / "one").mkdir()
    shutil.copy(folder / "chelsea.png", folder / "one")
    edgeseg(folder, "segment", source, "cat", "-o", "drawn", "--json", "all.json")
    assert drawn(folder) == ["chelsea.png"]
    (row,) = json.loads((folder / "all.json").read_text())
    assert row["file"] == "one/chelsea.png"


def test_each_result_is_a_line_and_resuming_does_the_rest(folder: Path) -> None:
    lines = folder / "all.jsonl"
    edgeseg(folder, "segment", "chelsea.png", "coffee.png", "cat", "--json", "all.jsonl")
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [row["file"] for row in rows] == ["chelsea.png", "coffee.png"]
    # As a killed run leaves it: one whole row, and one that is torn.
    lines.write_text(lines.read_text().splitlines()[1] + "\n" + lines.read_text()[:50])
    done = edgeseg(folder, "segment", ".", "cat", "--json", "all.jsonl", "--resume")
    assert "1 of 2 are done already" in done.stderr
    again = [json.loads(line) for line in lines.read_text().splitlines()]
    assert {row["file"]: row["task_id"] for row in again}["coffee.png"] == rows[1]["task_id"]
    assert len(again) == 2
    assert not (folder / ".all.jsonl.part").exists()
    done = edgeseg(folder, "segment", ".", "dog", "--json", "all.jsonl", "--resume")
    assert "are done already" not in done.stderr


def test_ctrl_c_keeps_what_is_done(folder: Path) -> None:
    for number in range(40):
        shutil.copy(folder / "chelsea.png", folder / f"c{number:02}.png")
    command = ["segment", ".", "cat", "--json", "all.json", "-o", "drawn", "--ttl", "-1"]
    environment = {**os.environ, "EDGESEG_ENGINES": "fake", "EDGESEG_FAKE_LATENCY_S": "0.1"}
    with subprocess.Popen(
        [sys.executable, "-m", "edgeseg", *command], cwd=folder, env=environment,
        stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        while len(list(folder.glob("drawn/*.png"))) < 3:
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, messages = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "of 42 images are done and kept" in messages
    assert "Traceback" not in messages
    rows = json.loads((folder / "all.json").read_text())
    assert 2 <= len(rows) < 42
    assert len(rows) <= len(list(folder.glob("drawn/*.png"))) <= len(rows) + 1
    done = edgeseg(folder, "segment", ".", "cat", "--json", "all.json", "-o", "drawn", "--resume")
    assert f"{len(rows)} of 42 are done already" in done.stderr
    assert len(json.loads((folder / "all.json").read_text())) == 42


def test_targets_are_checked_before_the_work(folder: Path) -> None:
    done = edgeseg(folder, "segment", ".", "cat", "--json", "notes.txt/all.json", code=2)
    assert "notes.txt" in done.stderr
    assert done.stdout == ""
    (folder / "all.json").mkdir()
    done = edgeseg(folder, "segment", ".", "cat", "--json", "all.json", code=2)
    assert "all.json is a folder" in done.stderr


def test_an_image_from_standard_input(folder: Path) -> None:
    command = [sys.executable, "-m", "edgeseg", "segment", "-", "cat", "--json", "-"]
    environment = {**os.environ, "EDGESEG_ENGINES": "fake"}
    data = (folder / "chelsea.png").read_bytes()
    done = subprocess.run(command, input=data, env=environment, capture_output=True, check=True)
    assert json.loads(done.stdout)["file"] == "-"


def test_a_name_that_is_no_utf8(folder: Path) -> None:
    shutil.copy(os.fsencode(folder / "chelsea.png"), os.fsencode(folder) + b"/caf\xe9.png")
    command = [sys.executable, "-m", "edgeseg", "segment", ".", "cat", "--json", "all.json"]
    done = subprocess.run(
        [*command, "-o", "drawn"],
        cwd=folder,
        env={**os.environ, "EDGESEG_ENGINES": "fake"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert b"caf\xe9.png: cat 1 found" in done.stdout
    names = [row["file"] for row in json.loads((folder / "all.json").read_text())]
    assert os.fsdecode(b"caf\xe9.png") in names


@pytest.mark.parametrize("last", ["coffee.png", "photo.JPG"])
def test_a_missing_prompt_is_noticed(folder: Path, last: str) -> None:
    done = edgeseg(folder, "segment", "chelsea.png", last, code=2)
    assert "the prompt is missing" in done.stderr


def test_a_reader_that_has_enough_is_no_error(folder: Path) -> None:
    command = f"{sys.executable} -m edgeseg segment . cat --json - | head -c 1"
    environment = {**os.environ, "EDGESEG_ENGINES": "fake"}
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.stdout == "["
    assert "Traceback" not in done.stderr
