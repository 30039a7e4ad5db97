"""Parts of the distillation: the attention ablation, batches over a run, checkpoints of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from edgeseg.engines.edge_sam import EdgeSam
from edgeseg.engines.edge_sam.model import read_checkpoint
from edgeseg.errors import ConflictError, InvalidParameterError
from edgeseg.testing.checkpoints import mobile_sam
from tests.training.distillation import SIDE_PX, WORLD, small, write_teacher
from training.common.distributed import World
from training.common.filling import missing
from training.common.logs import RunLog, read_log
from training.common.store import EmbeddingStore, StoreIndex
from training.edge_sam.attention import AttentionMaps, attention_loss
from training.edge_sam.batches import Tickets
from training.edge_sam.config import TeacherOptions
from training.edge_sam.convert import convert
from training.edge_sam.images import open_images
from training.edge_sam.prompts import first_prompts
from training.edge_sam.run import train
from training.edge_sam.student import build_student
from training.edge_sam.teacher import load_teacher
from training.edge_sam.trainer import LAST


def decode(model: EdgeSam, cells: int = 4) -> None:
    """Decode one box on an embedding of so many cells a side."""
    prompts = first_prompts(torch.tensor([[2.0, 3, 40, 50]]), torch.zeros(1, 2), ONE, SIDE_PX)
    torch.manual_seed(1)
    model.decode(torch.randn(1, 256, cells, cells), prompts.points_xy, prompts.labels)


ONE = torch.tensor([True])


def test_attention_of_a_student_is_compared_with_its_teachers() -> None:
    torch.manual_seed(0)
    student, teacher = EdgeSam(0.25), EdgeSam(0.25)
    own, theirs = AttentionMaps(student), AttentionMaps(teacher)
    decode(student)
    decode(teacher)
    # Two blocks and the final attention: 8 heads, 5 + 2 tokens and 16 cells.
    assert [each.shape for each in own.maps.values()] == [(1, 8, 7, 16)] * 3
    assert all(torch.allclose(m.exp().sum(-1), torch.ones(())) for m in own.maps.values())
    assert attention_loss(own, theirs).item() > 0
    student.load_state_dict(teacher.state_dict())
    decode(student)
    assert attention_loss(own, theirs).item() == pytest.approx(0, abs=1e-6)
    decode(teacher, cells=8)
    with pytest.raises(InvalidParameterError, match="one size"):
        attention_loss(own, theirs)


def test_small_inputs_come_first_in_larger_batches_and_processes_share(
    photo_folder: Path, tmp_path: Path
) -> None:
    config = small(
        photo_folder, tmp_path, student__sizes_px=[32, 64], optimisation__batch_px=2 * 64**2,
        optimisation__accumulate=2,
    )  # fmt: skip
    taken: list[list[list[tuple[int, int]]]] = []
    for rank in range(2):
        tickets = iter(Tickets(config, World(rank, 2), 0, 100, lambda step: step / 4))
        taken.append([next(tickets) for _ in range(8)])
    sizes = [batch[0][1] for batch in taken[0]]
    assert sizes == [32] * 4 + [64] * 4
    assert [len(batch) for batch in taken[0]] == [8] * 4 + [2] * 4
    numbers = [number for pair in zip(*taken, strict=True) for b in pair for number, _ in b]
    assert numbers == list(range(100, 100 + 2 * (4 * 8 + 4 * 2)))


def test_processes_write_shards_of_their_own(tmp_path: Path) -> None:
    index = StoreIndex("print", (64, 64), ((2,),), 3)
    store = EmbeddingStore.create(tmp_path, index, [f"k{number}" for number in range(10)])
    store.shard_path(2).write_bytes(bytes(4 + 2))
    rests = [list(missing(store, World(rank, 2))) for rank in range(2)]
    assert rests[0] == [(0, ["k0", "k1", "k2"]), (2, ["k7", "k8"])]
    assert rests[1] == [(1, ["k3", "k4", "k5"]), (3, ["k9"])]


def test_a_student_may_start_from_a_repvit(photo_folder: Path, tmp_path: Path) -> None:
    """Its names have no prefix, it has a classifier and no neck."""
    torch.manual_seed(5)
    encoder = EdgeSam(0.25).image_encoder
    features = {k: v for k, v in encoder.state_dict().items() if k.startswith("features.")}
    torch.save({"model": {**features, "classifier.weight": torch.ones(3)}}, tmp_path / "r.pth")
    student = build_student(small(photo_folder, tmp_path, student__start=tmp_path / "r.pth"), None)
    own = student.image_encoder.state_dict()
    assert all(torch.equal(own[name], value) for name, value in features.items())
    wide = small(photo_folder, tmp_path, student__start=tmp_path / "r.pth", student__width=0.5)
    with pytest.raises(InvalidParameterError, match="width"):
        build_student(wide, None)


def test_checkpoints_of_trainings_are_converted(tmp_path: Path) -> None:
    """Those of the first trainer too: averaged weights under ``ema``, the last under ``model``."""
    model, ema = (write_teacher(tmp_path / f"{seed}.pth", seed) for seed in (1, 2))
    parts = {"model": torch.load(model), "ema": torch.load(ema), "steps": 7, "elapsed_s": 1.5}
    torch.save(parts, tmp_path / "old.pt")
    target = tmp_path / "edge_sam.pth"
    for weights, expected in (("ema", ema), ("model", model)):
        convert(tmp_path / "old.pt", target, weights=weights, overwrite=True)
        one, two = (read_checkpoint(path).state_dict() for path in (target, expected))
        assert all(torch.equal(one[name], two[name]) for name in one)
    with pytest.raises(ConflictError, match="overwrite"):
        convert(tmp_path / "old.pt", target)
    # As a teacher it is the averaged one, too.
    teachers = [load_teacher(TeacherOptions(model=str(p))) for p in (tmp_path / "old.pt", ema)]
    assert teachers[0].fingerprint() == teachers[1].fingerprint()


def test_a_log_goes_on_without_the_steps_that_a_restart_repeats(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.write(step, {"loss": step / 2})
    log.close()
    again = RunLog(tmp_path, 2)
    again.write(3, {"loss": 9.0})
    again.close()
    assert read_log(tmp_path / "log.csv") == [(1, "loss", 0.5), (2, "loss", 1.0), (3, "loss", 9.0)]


def test_views_with_a_teacher_need_it_in_the_step(photo_folder: Path, tmp_path: Path) -> None:
    teacher = str(write_teacher(tmp_path / "teacher.pth"))
    changes: dict[str, Any] = {
        "data__views": True,
        "teacher__model": teacher,
        "optimisation__steps": 1,
    }
    with pytest.raises(ValueError, match="on_the_fly"):
        small(photo_folder, tmp_path, teacher__embeddings=tmp_path / "e", **changes)
    config = small(photo_folder, tmp_path / "run", teacher__on_the_fly=True, **changes)
    train(config, WORLD)
    assert torch.load(tmp_path / "run" / LAST, weights_only=True)["steps"] == 1
    assert len(open_images(config.data.train, 0)) == 8


def test_mobile_sam_teaches_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mobile_sam.write(tmp_path)
    monkeypatch.setenv("EDGESEG_WEIGHTS", f'{{"mobile-sam": "{tmp_path}"}}')
    teacher = load_teacher(TeacherOptions(model="mobile-sam"))
    assert teacher.size_px == 1024
    assert len(teacher.decoder_weights()) == 17 + 120
