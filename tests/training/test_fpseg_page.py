"""The page of FPSeg leads from labelled images to a pack: its commands, on a dozen tiny images."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from edgeseg.classes.pack import ClassPack
from edgeseg.cli import main as edgeseg
from edgeseg.engines.mobile_sam import MobileSam
from edgeseg.settings import get_settings
from tests.training.fpseg_data import NAMES, write_label_maps
from training.common.configs import Part
from training.fpseg.__main__ import TOOLS, main

PAGE = Path(__file__).parents[2] / "docs" / "fpseg.md"
SMALL = {
    "input_px": 64, "num_workers": 0, "batch_size": 8, "n_epochs": 1, "target_size": "[48, 80]",
    "n_class_examples_per_epoch": 4, "test_n_class_examples_per_epoch": 3, "prompt_size": 4,
    "n_warmup": 0, "n_runs": 1, "image_size": "[48, 80]", "stored_as": "float32",
}  # fmt: skip


def commands() -> list[list[str]]:
    """Return the commands of the page, a list of words each."""
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines]


def write_files(folder: Path) -> None:
    """Write the configurations of the page, and data where they look for it."""
    for name, text in re.findall(r'```yaml title="(.*?)"\n(.*?)```', PAGE.read_text("utf-8"), re.S):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    torch.manual_seed(0)
    (folder / "weights").mkdir()
    weights = MobileSam().state_dict()
    for name in ("mobile_sam.pt", "sam_vit_h_4b8939.pth"):
        torch.save(weights, folder / "weights" / name)
    for name, classes in (("street", NAMES[:2]), ("tram", (*NAMES[:2], "tram"))):
        root = write_label_maps(folder / "data" / name)
        (root / "classes.txt").write_text("\n".join(classes))
    shutil.copy(folder / "data" / "street" / "val" / "p0.jpg", folder / "photo.jpg")


def shrunk(words: list[str]) -> list[str]:
    """Return a command with values for tiny images, where its tool knows the keys."""
    kind: type[Part] = TOOLS[words[0]].config
    is_tram = any("tram" in word for word in words)
    values = {**SMALL, "n_classes": 3 if is_tram else 2}
    if words[0] == "precompute":
        del values["image_size"]
        values["encoder"] = "mobilesam"
    if words[0] == "build-tensorrt":
        return words
    known = [f"{k}={v}" for k, v in values.items() if k in kind.model_fields]
    return [*words, *(part for each in known for part in ("--set", each))]


def test_its_commands_lead_from_images_to_a_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    done = []
    for words in commands():
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("=", 1))
            get_settings.cache_clear()
        elif words[0] in ("mkdir", "cp"):
            subprocess.run(words, check=True)
        elif words[0] == "edgeseg":
            monkeypatch.setattr(sys, "argv", words)
            with pytest.raises(SystemExit) as left:
                edgeseg()
            assert left.value.code in (0, None)
        if words[0] != "python":
            continue
        assert words[:3] == ["python", "-m", "training.fpseg"]
        code = main(shrunk(words[3:]))
        done.append(words[3])
        if words[3] == "build-tensorrt":
            assert code == 1
            assert "TensorRT" in capsys.readouterr().err
        else:
            assert code == 0, capsys.readouterr().err
    assert set(done) == set(TOOLS)
    served = json.loads(Path("found.json").read_text())["classes"]
    assert [each["name"] for each in served["finished"]] == ["grass", "sky"]
    city = ClassPack.load(tmp_path / "out" / "street" / "train" / "city.safetensors")
    joined = ClassPack.load(tmp_path / "out" / "street" / "packs" / "city.safetensors")
    assert joined.names == ("sky", "grass", "tram")
    assert all(
        (one.prompt == other.prompt).all()
        for one, other in zip(city.classes, joined.classes, strict=False)
    )
    for name in ("eval/eval.json", "eval/confusion.png", "bench/bench.png", "distil/checkpoint.pth",
                 "onnx/fpseg_ps4_mobilesam_decoder.onnx"):  # fmt: skip
        assert (tmp_path / "out" / "street" / name).is_file(), name
