"""``edgeseg export`` on the JSON that ``edgeseg segment`` writes."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgeseg.cli.export import read_results
from edgeseg.errors import InvalidParameterError
from edgeseg.exporters import ImageResult, export
from edgeseg.schemas import SegmentationResult
from tests.unit.cli.test_segment import edgeseg


@pytest.fixture
def folder(tmp_path: Path, photo_folder: Path) -> Path:
    """Two images of one name, and the JSON of both and of the first alone."""
    (tmp_path / "more").mkdir()
    for target in (tmp_path / "chelsea.png", tmp_path / "more" / "chelsea.png"):
        shutil.copy(photo_folder / "chelsea.png", target)
    edgeseg(tmp_path, "segment", "chelsea.png", "the cat . dog .", "--json", "one.json")
    edgeseg(tmp_path, "segment", ".", "more", "cat", "--json", "all.json")
    return tmp_path


def library_export(path: Path, format_name: str) -> bytes:
    rows = json.loads(path.read_text())
    image_results = []
    for row in rows if isinstance(rows, list) else [rows]:
        name = row.pop("file")
        image_results.append(ImageResult(SegmentationResult.model_validate(row), name))
    return export(image_results, format_name).data


def test_one_result_and_a_batch(folder: Path) -> None:
    done = edgeseg(folder, "export", "one.json", "--format", "coco", "-o", "new/coco.json")
    assert done.stdout.startswith(str(Path("new/coco.json")))
    assert (folder / "new" / "coco.json").read_bytes() == library_export(
        folder / "one.json", "coco"
    )
    edgeseg(folder, "export", "all.json", "-f", "yolo")
    made = (folder / "edgeseg_yolo.zip").read_bytes()
    assert made == library_export(folder / "all.json", "yolo")
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.namelist() == ["data.yaml", "labels/chelsea.txt", "labels/more/chelsea.txt"]


def test_the_file_is_named_after_the_image_in_a_folder(folder: Path) -> None:
    (folder / "drawn").mkdir()
    edgeseg(folder, "export", "one.json", "-f", "labelme", "-o", "drawn")
    edgeseg(folder, "export", "all.json", "-f", "labelme", "-o", "new/")
    assert json.loads((folder / "drawn" / "chelsea.json").read_text())["imagePath"] == "chelsea.png"
    assert (folder / "new" / "edgeseg_labelme.zip").exists()


def test_images_lie_where_readers_look(folder: Path) -> None:
    edgeseg(folder, "export", "all.json", "-f", "yolo", "--with-images", "-o", "set")
    photo = (folder / "chelsea.png").read_bytes()
    assert (folder / "set" / "images" / "more" / "chelsea.png").read_bytes() == photo
    assert (folder / "set" / "labels" / "more" / "chelsea.txt").exists()
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "one.json").write_bytes((folder / "one.json").read_bytes())
    arguments = ("export", "one.json", "-f", "label-studio", "--image-prefix", "s3://b/")
    edgeseg(folder / "elsewhere", *arguments, "--with-images", "--images", "..")
    with zipfile.ZipFile(folder / "elsewhere" / "chelsea_label-studio.zip") as archive:
        assert archive.read("images/chelsea.png") == photo
        (task,) = json.loads(archive.read("tasks.json"))
    assert task["data"] == {"image": "s3://b/chelsea.png"}
    done = edgeseg(
        folder / "elsewhere", "export", "one.json", "-f", "cvat", "--with-images", code=1
    )
    assert "[no_image]" in done.stderr


def test_through_a_pipe(folder: Path) -> None:
    with (folder / "one.json").open("rb") as given:
        done = subprocess.run(
            [sys.executable, "-m", "edgeseg.cli", "export", "-", "-f", "cvat", "-o", "-"],
            cwd=folder, stdin=given, capture_output=True, check=True,
        )  # fmt: skip
    assert done.stdout == library_export(folder / "one.json", "cvat")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["one.json", "-f", "tiff"], 2, "[unknown_format]"),
        (["missing.json", "-f", "coco"], 2, "Cannot read missing.json"),
        (["broken.json", "-f", "coco"], 2, "broken.json is not valid JSON"),
        (["boxes.json", "-f", "coco"], 2, "boxes.json holds no result of segmenting"),
        (["empty.json", "-f", "coco"], 2, "There is no result to export."),
        (["one.json", "one.json", "-f", "coco"], 2, "Results 1 and 2 are both named 'chelsea.png'"),
        (["deep.json", "-f", "coco"], 2, "deep.json is not valid JSON"),
        (["huge.json", "-f", "coco"], 1, "[image_too_large]"),
        (["crash.json", "-f", "coco"], 2, "objects.0.mask: size"),
        (["surrogate.json", "-f", "coco"], 2, "is not valid Unicode"),
        (["one.json", "-f", "coco", "-o", "one.json/x"], 2, "one.json is a file"),
        (["chelsea.json", "-f", "labelme"], 2, "chelsea.json exists"),
        (["one.json", "-f", "coco", "-o", "./one.json"], 2, "one.json exists"),
        (["one.json", "-f", "coco", "-o", ""], 2, "out: expected the name"),
        (["one.json"], 2, "Missing option"),
    ],
)
def test_errors_are_one_sentence(
    folder: Path, arguments: list[str], code: int, message: str
) -> None:
    (folder / "broken.json").write_text("{")
    (folder / "boxes.json").write_text('{"objects": [{"id": 0, "box": [1, 2, 3, 4]}]}')
    (folder / "empty.json").write_text("[]")
    shutil.copy(folder / "one.json", folder / "chelsea.json")
    (folder / "deep.json").write_text("[" * 100_000)
    one = json.loads((folder / "one.json").read_text())
    (folder / "surrogate.json").write_text(json.dumps({**one, "file": "\udcff.jpg"}))
    one["image"] = {"width": 20_000, "height": 20_000}
    one["objects"] = []
    (folder / "huge.json").write_text(json.dumps(one))
    mask = {"size": [2**40, 2], "counts": "01"}
    crash = {"id": 0, "label": "c", "score": 0.9, "box": [0, 0, 1, 1], "mask": mask, "area": 1}
    (folder / "crash.json").write_text(json.dumps({**one, "objects": [crash]}))
    done = edgeseg(folder, "export", *arguments, code=code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_state_of_a_task_holds_a_result_too(folder: Path) -> None:
    row = json.loads((folder / "one.json").read_text())
    row.pop("file")
    (folder / "task.json").write_text(json.dumps({"status": "done", "result": row}))
    (image_result,) = read_results(str(folder / "task.json"))
    assert image_result == ImageResult(SegmentationResult.model_validate(row))
    (folder / "running.json").write_text(json.dumps({"status": "running", "result": None}))
    with pytest.raises(InvalidParameterError, match="holds no result"):
        read_results(str(folder / "running.json"))


def test_a_name_without_suffix_is_a_folder_for_a_data_set(folder: Path) -> None:
    edgeseg(folder, "export", "all.json", "-f", "yolo", "-o", "dataset")
    files = [each for each in (folder / "dataset").rglob("*") if each.is_file()]
    assert sorted(each.relative_to(folder / "dataset").as_posix() for each in files) == [
        "data.yaml",
        "labels/chelsea.txt",
        "labels/more/chelsea.txt",
    ]


def test_no_file_is_replaced_unasked(folder: Path) -> None:
    (folder / "coco.json").write_text("mine")
    done = edgeseg(folder, "export", "one.json", "-f", "coco", "-o", "coco.json", code=2)
    assert "coco.json exists" in done.stderr
    assert (folder / "coco.json").read_text() == "mine"
    done = edgeseg(folder, "export", "one.json", "-f", "coco", "-o", "one.json", code=2)
    assert "one.json exists" in done.stderr
    edgeseg(folder, "export", "one.json", "-f", "coco", "-o", "coco.json", "--overwrite")
    assert json.loads((folder / "coco.json").read_text())["images"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_results_in_the_encodings_of_windows(folder: Path, encoding: str) -> None:
    text = (folder / "one.json").read_text()
    (folder / "other.json").write_bytes(text.encode(encoding))
    assert read_results(str(folder / "other.json")) == read_results(str(folder / "one.json"))


def test_json_lines(folder: Path) -> None:
    rows = json.loads((folder / "all.json").read_text())
    lines = "\n".join(json.dumps(row) for row in rows)
    (folder / "all.jsonl").write_text(lines)
    assert read_results(str(folder / "all.jsonl")) == read_results(str(folder / "all.json"))
