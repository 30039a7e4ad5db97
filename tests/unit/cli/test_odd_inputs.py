"""What people type by mistake, and what their folders and disks hold: nothing is lost by it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeseg.cli import main
from edgeseg.cli.inputs import find_images
from edgeseg.cli.outputs import check_targets, is_ours
from edgeseg.cli.result_file import EarlierRows, ResultFile, Row, json_target
from edgeseg.errors import InvalidParameterError
from edgeseg.files import write_bytes
from edgeseg.platforms import module_command, module_environment
from tests.unit.cli.test_segment import drawn, edgeseg

PROGRAM = [sys.executable, "-m", "edgeseg"]
ENVIRONMENT = {**os.environ, "EDGESEG_ENGINES": "fake"}
ROW = {"file": "a.png", "prompt": "cat", "simplified_prompt": "cat ."}


@pytest.fixture
def folder(tmp_path: Path, photo_folder: Path) -> Path:
    """A folder with one image."""
    shutil.copy(photo_folder / "chelsea.png", tmp_path / "a.png")
    return tmp_path


def read_rows(target: Path) -> list[Row]:
    return list(EarlierRows(target).without([]))


def names(*sources: Path | str) -> list[str]:
    return [each.name for each in find_images([str(source) for source in sources])]


def test_a_glob_ends_where_links_lead_in_circles(folder: Path) -> None:
    for name in ("one", "two", ".hidden"):
        (folder / name).mkdir()
        shutil.copy(folder / "a.png", folder / name / f"{name}.png")
        for link in ("up", "again"):
            (folder / name / link).symlink_to(folder)
    assert sorted(names(folder / "**" / "*.png")) == ["a", "one", "two"]
    assert sorted(names(folder / "**")) == ["a", "one", "two"]
    shutil.copy(folder / "a.png", folder / ".hidden" / "seen.png")
    assert names(folder / ".hidden" / "*.png") == ["seen"]
    assert names(folder / "o**" / "o*") == ["one"]


def test_two_ways_to_one_file_are_one_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "link").symlink_to(folder)
    ways: list[Path | str] = [folder / "a.png", "./a.png", "a.png", "link/a.png", "*.png", "."]
    assert names(*ways) == ["a"]
    assert [each.shown for each in find_images(["./a.png", str(folder)])] == ["a.png"]


def test_each_image_has_outputs_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("x.jpg", "x.png", "x.jpg.png", "stdin.png"):
        shutil.copy(folder / "a.png", folder / name)
    assert len(set(names(folder, "-"))) == 6
    monkeypatch.chdir(folder)
    assert len(set(names("stdin.png", "-"))) == 2
    shutil.copy(folder / "a.png", folder / "a_mask.png")
    arguments = ["a.png", "a_mask.png", "cat", "-o", "drawn", "--mask", "drawn"]
    done = edgeseg(folder, "segment", *arguments, code=2)
    assert "a_mask.png would be written twice" in done.stderr
    assert not (folder / "drawn").exists()


def test_overlays_that_a_shell_names_with_the_images_are_left_out(folder: Path) -> None:
    edgeseg(folder, "segment", "a.png", "cat", "-o", "drawn.png")
    done = edgeseg(folder, "segment", "a.png", "drawn.png", "cat", "-o", "drawn")
    assert "Left out: 1 overlays" in done.stderr
    assert drawn(folder) == ["a.png"]
    edgeseg(folder, "segment", "drawn.png", "cat")


@pytest.mark.parametrize("kind", ["symlink_to", "hardlink_to"])
def test_no_other_name_of_an_input_is_replaced(folder: Path, kind: str) -> None:
    getattr(folder / "other.png", kind)(folder / "a.png")
    before = (folder / "a.png").read_bytes()
    done = edgeseg(folder, "segment", "a.png", "cat", "-o", "other.png", code=2)
    assert "other.png is an input" in done.stderr
    assert (folder / "a.png").read_bytes() == before


def test_a_link_is_written_through(folder: Path) -> None:
    (folder / "latest.json").symlink_to(folder / "new" / "today.json")
    check_targets([folder / "latest.json"])
    write_bytes(folder / "latest.json", b"[]")
    assert (folder / "latest.json").is_symlink()
    assert (folder / "new" / "today.json").read_bytes() == b"[]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps(ROW), True),
        (json.dumps([ROW], indent=2), True),
        ("", True),
        ("[]\n", True),
        (json.dumps({"mine": [ROW]}), False),
        (json.dumps({"file": "a.png", "label": "cat"}), False),
        ("my notes on simplified_prompt", False),
    ],
)
def test_only_our_own_json_is_replaced(tmp_path: Path, text: str, expected: bool) -> None:
    for name in ("a.json", "a.txt"):
        (tmp_path / name).write_text(text)
        assert is_ours(tmp_path / name) == expected
        if not expected:
            with pytest.raises(InvalidParameterError, match="is not a result of EdgeSeg"):
                check_targets([tmp_path / name])


def test_devices_and_pipes_are_written_to(folder: Path) -> None:
    edgeseg(folder, "segment", "a.png", "cat", "--json", "/dev/null")
    edgeseg(folder, "segment", ".", "cat", "--json", "/dev/null")
    assert Path("/dev/null").is_char_device()
    done = edgeseg(folder, "segment", ".", "cat", "--json", "/dev/stdout")
    assert json.loads(done.stdout)[0]["file"] == "a.png"
    assert json_target(Path("a.json")) == Path("a.json")
    done = edgeseg(folder, "segment", "a.png", "cat", "--json", "/dev/full", code=1)
    assert done.stderr == "edgeseg: /dev/full: No space left on device.\n"
    done = edgeseg(folder, "segment", ".", "cat", "--json", "/dev/full", code=1)
    assert done.stderr.endswith("\nedgeseg: /dev/full: No space left on device.\n")
    assert "Exception ignored" not in done.stderr


def test_a_name_with_a_slash_is_a_folder(folder: Path) -> None:
    edgeseg(folder, "segment", "a.png", "cat", "-o", "drawn/", "--mask", "drawn/")
    assert drawn(folder) == ["a.png", "a_mask.png"]


def test_lines_are_there_as_soon_as_they_are_written(tmp_path: Path) -> None:
    target = tmp_path / "all.jsonl"
    target.write_text(f"{json.dumps(ROW)}\n")
    lines = ResultFile(target, EarlierRows(target).without([]))
    assert read_rows(target) == [ROW]
    for number in (2, 3):
        lines.write({**ROW, "file": f"{number}.png"})
        assert len(target.read_text().splitlines()) == number
    lines.close()
    assert [each["file"] for each in read_rows(target)] == ["a.png", "2.png", "3.png"]


def test_rows_in_any_layout_are_read(tmp_path: Path) -> None:
    target = tmp_path / "all.json"
    other = {**ROW, "file": "b.png"}
    for text in (json.dumps(ROW, indent=2), json.dumps([ROW]), json.dumps([ROW], indent=1)):
        target.write_text(text)
        assert read_rows(target) == [ROW]
    # A killed run redid one image and tore the row of another.
    again = {**ROW, "prompt": "dog"}
    (tmp_path / ".all.json.part").write_text(f"[\n{json.dumps(again)},\n{json.dumps(other)[:20]}")
    assert read_rows(target) == [again]
    kept = ResultFile(target, EarlierRows(target).without([]))
    kept.write(other)
    kept.close()
    assert json.loads(target.read_text()) == [again, other]
    assert [each.name for each in tmp_path.iterdir()] == ["all.json"]


def test_nothing_of_an_earlier_run_goes_before_there_is_something_new(tmp_path: Path) -> None:
    for name in ("all.json", "all.jsonl"):
        (tmp_path / name).write_text(f"{json.dumps(ROW)}\n")
        ResultFile(tmp_path / name)
        assert read_rows(tmp_path / name) == [ROW]


def test_resuming_does_again_what_was_asked_for_in_another_way(folder: Path) -> None:
    arguments = ["segment", ".", "-o", "drawn", "--resume"]
    edgeseg(folder, *arguments, "cat")
    assert "1 of 1 are done" in edgeseg(folder, *arguments, "cat").stderr
    assert "are done" not in edgeseg(folder, *arguments, "dog").stderr
    assert "are done" not in edgeseg(folder, *arguments, "dog", "--max-objects", "1").stderr
    again = ["segment", "a.png", "cat", "-o", "a.jpg", "--json", "a.json", "--resume"]
    assert "found in" in edgeseg(folder, *again).stdout
    assert edgeseg(folder, *again).stdout == ""


@pytest.mark.parametrize("target", ["all.json", "all.jsonl"])
def test_a_full_disk_is_one_sentence_and_keeps_what_is_done(folder: Path, target: str) -> None:
    for number in range(30):
        shutil.copy(folder / "a.png", folder / f"b{number:02}.png")
    arguments = ["segment", ".", "cat", "--json", target]
    done = subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder, env={**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Exception ignored" not in done.stderr
    stopped, reason = done.stderr.strip().splitlines()[-2:]
    assert stopped.startswith("Stopped: ")
    assert stopped.endswith(
        f"of 31 images are done and kept in {target}; --resume goes on from there."
    )
    assert reason == f"edgeseg: {target}: File too large."
    kept = int(stopped.split()[1])
    assert 0 < kept < 31
    done = edgeseg(folder, *arguments, "--resume")
    assert f"{kept} of 31 are done already" in done.stderr
    assert len(read_rows(folder / target)) == 31


@pytest.mark.parametrize("last", ["my cat.png", "notes.txt", "photo.heic"])
def test_a_file_is_no_prompt(folder: Path, last: str) -> None:
    if last != "photo.heic":
        shutil.copy(folder / "a.png", folder / last)
    done = edgeseg(folder, "segment", "a.png", last, code=2)
    assert "the prompt is missing" in done.stderr
    edgeseg(folder, "segment", "a.png", "the logo of shop.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("segment - cat 0<&-", "The image is empty: it has no bytes. [no_image]"),
        ("export - -f coco 0<&-", "- is not valid JSON"),
        ("segment a.png cat 1>&-", ""),
        ("engines 1>&-", ""),
    ],
)
def test_closed_streams(folder: Path, arguments: str, message: str) -> None:
    done = subprocess.run(
        f"{sys.executable} -m edgeseg {arguments}",
        shell=True, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_terminal_that_lacks_the_letters(folder: Path) -> None:
    shutil.copy(folder / "a.png", folder / "né→.png")
    done = subprocess.run(
        [*PROGRAM, "segment", "né→.png", "cat"],
        cwd=folder, env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"n\\xe9\\u2192.png: cat 1 found")


def test_a_reader_that_has_enough_gets_no_advice(folder: Path) -> None:
    for number in range(20):
        shutil.copy(folder / "a.png", folder / f"{number}.png")
    command = f"{sys.executable} -m edgeseg segment . cat | head -n 1"
    done = subprocess.run(
        command, shell=True, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.stdout.count("\n") == 1
    assert "Stopped" not in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_on_one_image(folder: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "segment", "a.png", "cat", "-o", "new/a.png"],
        cwd=folder, env={**ENVIRONMENT, "EDGESEG_FAKE_LATENCY_S": "30"},
        stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        while not (folder / "new").exists():
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, messages = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in messages
    assert not list((folder / "new").iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["bench", "nano", "--engines", "none"], 2, "No engine named 'none'"),
        (["bench", "engines", "a.png", "--dtype", "int3"], 2, "expected some of auto, float32"),
        (["bench", "engines", "b.png"], 1, "Cannot read b.png"),
        (["bench", "--json", "a.png"], 2, "a.png exists"),
        (["demo", "--engines", "none"], 2, "No engine named 'none'"),
        (["demo", "--out", "a.png"], 2, "a.png is a file and no folder"),
        (["up", "--engines", "none"], 2, "No engine named 'none'"),
        (["evaluate", "--annotations", "a.png", "--images", "."], 2, "as JSON: invalid start byte"),
        (["evaluate", "--annotations", "no.json", "--images", "."], 2, "No such file"),
        (["evaluate", "--annotations", "{}.json", "--images", "."], 2, "'categories' is missing"),
        (["simplify", ""], 2, "The prompt holds no words"),
        (["engines", "pull", "none"], 2, "No engine is named 'none'"),
    ],
)
def test_other_commands_say_it_in_a_sentence(
    folder: Path,
    arguments: list[str],
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "{}.json").write_text("{}")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["edgeseg", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    said = capsys.readouterr().err
    assert message in said
    assert len(said) < 1000


def test_our_processes_import_nothing_from_the_current_folder(tmp_path: Path) -> None:
    for name in ("numpy", "logging", "typer", "edgeseg"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the current folder was run')\n")
    done = subprocess.run(
        [*module_command("edgeseg"), "--version"],
        cwd=tmp_path, env=module_environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.startswith("edgeseg "), done.stderr
