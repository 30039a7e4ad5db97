"""Distillation: teachers, what a step minimises, and the training loop of all phases."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from edgeseg.engines.edge_sam import EdgeSam
from edgeseg.engines.edge_sam.model import read_checkpoint
from edgeseg.errors import ConflictError, InvalidParameterError
from tests.deploy.compose import ROOT
from tests.training.distillation import SIDE_PX, WORLD, small, write_teacher
from training.common.logs import read_log
from training.edge_sam.__main__ import main
from training.edge_sam.batches import dataset
from training.edge_sam.config import Config
from training.edge_sam.images import open_images
from training.edge_sam.objective import Objective
from training.edge_sam.run import train
from training.edge_sam.samples import Batch, collate
from training.edge_sam.student import build_student
from training.edge_sam.teacher import EdgeSamTeacher, Teacher, load_teacher
from training.edge_sam.trainer import BEST, LAST
from training.edge_sam.validate import Validation

# On matrices this small, threads only wait for each other.
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def teacher_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An EdgeSAM of width 0.5 with random weights."""
    return write_teacher(tmp_path_factory.mktemp("teacher") / "teacher.pth")


def batch_of(config: Config, teacher: Teacher | None) -> Batch:
    """The first two samples of a configuration."""
    images = open_images(config.data.train, config.seed)
    source = dataset(config, images, teacher, None)
    return collate([source[number, SIDE_PX] for number in range(2)])


def test_a_student_that_is_its_teacher_agrees_with_it(
    photo_folder: Path, tmp_path: Path, teacher_path: Path
) -> None:
    config = small(photo_folder, tmp_path, student__width=0.5, losses={"embedding": 1, "iou": 1})
    teacher = EdgeSamTeacher(read_checkpoint(teacher_path), SIDE_PX)
    student = read_checkpoint(teacher_path)
    torch.manual_seed(0)
    losses = Objective(config, student, teacher)(batch_of(config, teacher))
    assert losses["embedding"].item() == pytest.approx(0, abs=1e-6)
    assert losses["iou0"].item() == losses["iou1"].item() == pytest.approx(0, abs=1e-6)
    assert losses["_click1"].item() == 1
    assert losses["_box" if "_box" in losses else "_point"].item() == 1


@pytest.mark.parametrize(("box_share", "name"), [(1.0, "_box"), (0.0, "_point")])
def test_a_click_teaches_four_masks_and_a_box_one(
    photo_folder: Path, tmp_path: Path, teacher_path: Path, box_share: float, name: str
) -> None:
    config = small(photo_folder, tmp_path, prompts__box_share=box_share)
    teacher = EdgeSamTeacher(read_checkpoint(teacher_path), SIDE_PX)
    student = build_student(config, teacher)
    losses = Objective(config, student, teacher)(batch_of(config, teacher))
    assert name in losses
    torch.autograd.backward(losses["mask0"] + losses["mask1"])
    heads = student.mask_decoder.output_hypernetworks_mlps
    used = [any(p.grad is not None and bool(p.grad.any()) for p in h.parameters()) for h in heads]
    assert used == [True, *[box_share == 0] * 3]
    assert all(p.grad is None for p in student.prompt_encoder.parameters())
    assert all(p.grad is not None for p in student.image_encoder.parameters())


def test_what_learns_is_what_the_configuration_says(photo_folder: Path, tmp_path: Path) -> None:
    def learning(**changes: Any) -> set[str]:
        student = build_student(small(photo_folder, tmp_path, **changes), None)
        return {name.split(".")[0] for name, p in student.named_parameters() if p.requires_grad}

    assert learning(phase=1) == {"image_encoder"}
    assert learning() == {"image_encoder", "mask_decoder"}
    assert learning(student__train="decoder") == {"mask_decoder"}
    assert learning(student__freeze_prompt_encoder=False) == {
        "image_encoder", "mask_decoder", "prompt_encoder",
    }  # fmt: skip


def test_phase_1_then_phase_2_come_nearer_to_the_teacher(
    photo_folder: Path, tmp_path: Path, teacher_path: Path
) -> None:
    """Both by the command line: stored embeddings, then the teacher in the step."""
    common = {
        "teacher": {"model": str(teacher_path), "embeddings": str(tmp_path / "e")},
        "data": {"valid": {"images": [str(photo_folder / "train-00.tar")],
                           "annotations": str(photo_folder / "train.json.gz"), "limit": 2}},
    }  # fmt: skip
    one = small(photo_folder, tmp_path / "1", phase=1, optimisation__steps=12, **flat(common))
    two = small(photo_folder, tmp_path / "2", student__start=tmp_path / "1" / LAST, **flat(common))
    for config, commands in ((one, ("precompute", "train")), (two, ("train",))):
        file = tmp_path / f"{config.phase}.yaml"
        file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
        for command in commands:
            assert main([command, "--config", str(file), "--threads", "1"]) == 0
    rows = read_log(tmp_path / "1" / "log.csv")
    errors = [value for _, name, value in rows if name == "embedding"]
    assert len(errors) == 12
    assert sum(errors[-3:]) < 0.97 * sum(errors[:3])
    names = {name for _, name, _ in read_log(tmp_path / "2" / "log.csv")}
    assert names >= {"rate", "mask0", "mask1", "click1", "miou_box", "miou_centre+2", "agree_box"}
    assert any((tmp_path / "2" / "tensorboard").iterdir())
    read_checkpoint(tmp_path / "2" / BEST)
    target = tmp_path / "edge_sam.pth"
    assert main(["convert", str(tmp_path / "2" / LAST), str(target)]) == 0
    made = read_checkpoint(target).state_dict()
    last = torch.load(tmp_path / "2" / LAST, weights_only=True)["model"]
    assert all(torch.equal(made[name], value) for name, value in last.items())


def flat(values: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Values by their path, with two underscores for a dot."""
    rows: dict[str, Any] = {}
    for key, value in values.items():
        rows |= flat(value, f"{above}{key}__") if isinstance(value, dict) else {above + key: value}
    return rows


def test_a_killed_training_ends_as_one_that_was_not(photo_folder: Path, tmp_path: Path) -> None:
    """SIGKILL at any time costs the steps since the last checkpoint, and changes no weight."""
    changes: dict[str, Any] = {
        "targets": "annotations",
        "student__decoder": "random",
        "optimisation__ema": 0.9,
        "optimisation__steps": 6,
        "optimisation__accumulate": 2,
    }
    whole, cut = (small(photo_folder, tmp_path / name, **changes) for name in ("whole", "cut"))
    train(whole, WORLD)
    file = tmp_path / "cut.yaml"
    file.write_text(yaml.safe_dump(cut.model_dump(mode="json")))
    command = [sys.executable, "-m", "training.edge_sam", "train", "--config", str(file)]
    process = subprocess.Popen([*command, "--threads", "1"], cwd=ROOT, stdout=subprocess.DEVNULL)
    while not (tmp_path / "cut" / LAST).exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    train(cut, WORLD)
    one, two = (torch.load(tmp_path / name / LAST, weights_only=True) for name in ("whole", "cut"))
    assert one["steps"] == two["steps"] == 6
    assert one["samples"] == two["samples"] == 24
    for part in ("model", "ema"):
        assert all(torch.equal(one[part][name], two[part][name]) for name in one[part])
    steps = [step for step, name, _ in read_log(tmp_path / "cut" / "log.csv") if name == "rate"]
    assert steps == [1, 2, 3, 4, 5, 6]
    with pytest.raises(ConflictError, match="another training"):
        train(small(photo_folder, tmp_path / "cut", student__width=0.5, **changes), WORLD)


def test_validation_repeats_itself_and_knows_perfect_masks(
    photo_folder: Path, tmp_path: Path, teacher_path: Path
) -> None:
    config = small(photo_folder, tmp_path)
    images = open_images(config.data.train, 0)
    teacher = EdgeSamTeacher(read_checkpoint(teacher_path), SIDE_PX)
    validation = Validation(config, images, torch.device("cpu"), teacher)
    student = EdgeSam(0.25)
    one, two = validation.run(student), validation.run(student)
    assert one == two
    assert student.training
    assert 0 < one.values["miou_box"] < 1
    itself = validation.run(read_checkpoint(teacher_path)).values
    assert itself["agree_box"] == itself["agree_centre"] == 1


def test_a_wrong_configuration_ends_with_2_and_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "--config", "phase2", "--set", "steps=1"]) == 2
    assert "steps: Extra inputs are not permitted" in capsys.readouterr().err


def test_a_teacher_must_be_named(photo_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match=r"teacher\.model"):
        load_teacher(small(photo_folder, tmp_path).teacher)
    with pytest.raises(InvalidParameterError, match="on_the_fly"):
        train(small(photo_folder, tmp_path, teacher__model=str(write_teacher(tmp_path / "t.pth"))),
              WORLD)  # fmt: skip
