"""Several processes that torchrun starts train as one with as many batches a step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import yaml

from tests.deploy.compose import ROOT
from tests.training.distillation import WORLD, small
from training.edge_sam.run import train
from training.edge_sam.student import build_student
from training.edge_sam.trainer import LAST


def test_two_processes_step_as_one_with_two_batches(photo_folder: Path, tmp_path: Path) -> None:
    # A frozen encoder takes its statistics from no batch, and boxes leave nothing to chance.
    changes: dict[str, Any] = {
        "targets": "annotations",
        "student__decoder": "random",
        "student__train": "decoder",
        "prompts": {"objects": 1, "box_share": 1, "rounds": 1},
        "optimisation__batch": 1,
        "optimisation__steps": 3,
        "data__valid": {"images": [photo_folder / "train-00.tar"],
                        "annotations": photo_folder / "train.json.gz", "limit": 2},
    }  # fmt: skip
    one = small(photo_folder, tmp_path / "one", optimisation__accumulate=2, **changes)
    train(one, WORLD)
    two = small(photo_folder, tmp_path / "two", **changes)
    file = tmp_path / "two.yaml"
    file.write_text(yaml.safe_dump(two.model_dump(mode="json")))
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*run, "-m", "training.edge_sam", "train", "--config", str(file), "--threads", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # The first process alone says what happens.
    assert done.stdout.count("step 3 100.0%") == 1
    states = [torch.load(tmp_path / n / LAST, weights_only=True) for n in ("one", "two")]
    assert states[0]["samples"] == states[1]["samples"] == 6
    assert states[0]["steps"] == states[1]["steps"] == 3
    start = build_student(one, None).state_dict()
    for name, value in states[0]["model"].items():
        torch.testing.assert_close(value, states[1]["model"][name], atol=2e-5, rtol=1e-4)
    moved = "mask_decoder.transformer.layers.0.mlp.lin1.weight"
    assert not torch.equal(states[0]["model"][moved], start[moved])
