"""``edgeseg masks``: everything in images, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import PIL.Image

from edgeseg.schemas import SegmentationResult
from tests.unit.cli.test_segment import edgeseg, folder

__all__ = ["folder"]


def test_one_image(folder: Path) -> None:
    done = edgeseg(
        folder, "masks", "chelsea.png", "--points-per-side", "4", "--json", "out.json",
        "-o", "out.png",
    )  # fmt: skip
    assert done.stdout.startswith("chelsea.png: 16 found in ")
    row = json.loads((folder / "out.json").read_text())
    assert row.pop("file") == "chelsea.png"
    result = SegmentationResult.model_validate(row)
    assert {each.label for each in result.objects} == {"object"}
    with PIL.Image.open(folder / "out.png") as pil_image:
        assert pil_image.size == (451, 300)
    done = edgeseg(folder, "export", "out.json", "-f", "coco", "-o", "coco.json")
    exported = json.loads((folder / "coco.json").read_text())
    assert len(exported["annotations"]) == 16
    assert [each["name"] for each in exported["categories"]] == ["object"]


def test_a_folder_goes_on_where_it_stopped(folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"no image")
    call = ("masks", ".", "--points-per-side", "2", "--json", "out.jsonl", "--resume")
    done = edgeseg(folder, *call, code=1)
    assert "broken.png" in done.stderr
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert sorted(row["file"] for row in rows) == ["chelsea.png", "coffee.png"]
    done = edgeseg(folder, *call, code=1)
    assert "2 of 3 are done already" in done.stderr


def test_other_options_are_another_request(folder: Path) -> None:
    call = ("masks", ".", "-o", "drawn", "--resume", "--points-per-side")
    edgeseg(folder, *call, "2")
    assert "2 of 2 are done" in edgeseg(folder, *call, "2").stderr
    assert "done already" not in edgeseg(folder, *call, "3").stderr


def test_a_number_that_cannot_be_is_one_sentence(folder: Path) -> None:
    done = edgeseg(folder, "masks", "chelsea.png", "--points-per-side", "65", code=2)
    assert done.stderr.count("\n") == 1
    assert "points_per_side" in done.stderr
