"""``edgeseg classes`` and ``edgeseg evaluate classes`` on files."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from edgeseg.classes import ClassPack
from edgeseg.schemas import SegmentationResult
from tests.packs import small_pack
from tests.unit.cli.test_segment import edgeseg, folder

__all__ = ["folder"]


@pytest.fixture(autouse=True)
def packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pack."""
    path = tmp_path / "packs"
    path.mkdir()
    small_pack().save(path / "small.safetensors")
    monkeypatch.setenv("EDGESEG_CLASS_PACKS", str(path))
    return path


def test_one_image(folder: Path) -> None:
    done = edgeseg(
        folder, "classes", "run", "chelsea.png", "--pack", "small", "--classes", "road, sky",
        "--json", "out.json", "-o", "out.png",
    )  # fmt: skip
    assert done.stdout.startswith("chelsea.png: 2 found in ")
    row = json.loads((folder / "out.json").read_text())
    assert row.pop("file") == "chelsea.png"
    result = SegmentationResult.model_validate(row)
    assert [each.label for each in result.objects] == ["road", "sky"]
    assert result.classes is not None
    assert [each.name for each in result.classes.finished] == ["road", "sky"]
    png = io.BytesIO(base64.b64decode(result.classes.label_map))
    with PIL.Image.open(png) as numbers:
        assert numbers.mode == "P"
        assert set(np.unique(np.asarray(numbers))) == {0, 2, 255}
    edgeseg(folder, "export", "out.json", "-f", "png", "-o", "maps")
    assert list((folder / "maps").rglob("*.png"))


def test_a_folder_tells_its_rate_and_goes_on(folder: Path) -> None:
    call = ("classes", "run", ".", "--pack", "small", "--json", "out.jsonl", "--resume")
    done = edgeseg(folder, *call)
    assert "2 images, " in done.stderr
    assert " per second" in done.stderr
    assert "2 of 2 are done already." in edgeseg(folder, *call).stderr


def test_a_deadline_is_told(folder: Path) -> None:
    done = edgeseg(
        folder, "classes", "run", "chelsea.png", "--pack", "small", "--deadline-ms", "0.001"
    )
    assert "no time for: sky, tree, road" in done.stdout
    assert "The deadline of 0.001 ms leaves no time for one class" in done.stderr


def test_packs_are_kept(folder: Path, packs: Path) -> None:
    listed = edgeseg(folder, "classes", "list").stdout
    assert "small   small        sky, tree, road" in listed
    assert "street" in listed
    assert "1       tree" in edgeseg(folder, "classes", "list", "small").stdout
    small_pack("more", "tram").save(folder / "more.safetensors")
    edgeseg(folder, "classes", "merge", "small", "more.safetensors", "-o", "all.safetensors")
    merged = ClassPack.load(folder / "all.safetensors")
    assert (merged.name, merged.names) == ("all", ("sky", "tree", "road", "tram"))
    call = ("all.safetensors", "--classes", "tram,sky", "-o", "two.safetensors")
    edgeseg(folder, "classes", "extract", *call)
    assert ClassPack.load(folder / "two.safetensors").names == ("tram", "sky")
    done = edgeseg(folder, "classes", "extract", *call, code=2)
    assert "two.safetensors exists; --overwrite replaces it." in done.stderr
    call = ("all.safetensors", "tram", "bus", "-o", "renamed.safetensors")
    edgeseg(folder, "classes", "rename", *call)
    assert ClassPack.load(folder / "renamed.safetensors").names[-1] == "bus"
    call = ("all.safetensors", "--classes", "tree", "-o", "fewer.safetensors")
    edgeseg(folder, "classes", "remove", *call)
    assert ClassPack.load(folder / "fewer.safetensors").names == ("sky", "road", "tram")


def test_what_is_not_there_is_wrong_usage(folder: Path) -> None:
    done = edgeseg(folder, "classes", "run", "chelsea.png", "--pack", "none", code=2)
    assert "no pack of classes 'none'; there are: small, street" in done.stderr
    call = ("--pack", "small", "--classes", "car")
    done = edgeseg(folder, "classes", "run", "chelsea.png", *call, code=2)
    assert "has no class 'car'" in done.stderr
    done = edgeseg(folder, "classes", "list", "notes.txt", code=2)
    assert "notes.txt is no pack of classes" in done.stderr


def test_a_pack_is_measured(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    for number in range(3):
        PIL.Image.fromarray(np.full((60, 40, 3), 90 + number, np.uint8)).save(
            data / f"{number}.webp"
        )
        truth = np.repeat(np.repeat(np.arange(3, dtype=np.uint8), 20)[:, None], 40, axis=1)
        truth[:, :5] = 11
        PIL.Image.fromarray(truth).save(data / f"{number}.png")
    done = edgeseg(
        folder, "evaluate", "classes", "--pack", "small", "--data", "data", "--json", "out.json"
    )
    figures = json.loads((folder / "out.json").read_text())
    assert figures["images"] == 3
    assert figures["miou"] > 0.9
    assert set(figures["per_class"]) == {"sky", "tree", "road"}
    assert figures["fps"] > 0
    assert "mean" in done.stdout
    assert sum(map(sum, figures["confusion"])) == 3 * 60 * 35
    (data / "1.png").unlink()
    call = ("evaluate", "classes", "--pack", "small", "--data", "data")
    assert "1.webp has no label map 1.png" in edgeseg(folder, *call, code=1).stderr


def test_speed_and_deadlines_are_measured(folder: Path) -> None:
    data = folder / "labelled"
    data.mkdir()
    for name in ("a", "b"):
        PIL.Image.new("RGB", (40, 30), "green").save(data / f"{name}.jpg")
        PIL.Image.new("L", (40, 30)).save(data / f"{name}.png")
    done = edgeseg(
        folder, "bench", "classes", "--data", str(data), "--pack", "small", "--classifier", "fake",
        "--frames", "4", "--json", "bench.json",
    )  # fmt: skip
    assert "4 images with deadlines from 20 to 200 ms" in done.stdout
    made = json.loads((folder / "bench.json").read_text())
    pack = small_pack()
    assert [row["classes"] for row in made["speed"]] == list(range(1, len(pack.classes) + 1))
    assert all(row["images_per_second"] == pytest.approx(1000 / row["ms"], rel=0.02)
               for row in made["speed"])  # fmt: skip
    assert made["deadlines"]["frames"] == 4
    assert made["deadlines"]["equal"] == 1
