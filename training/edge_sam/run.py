"""A training from its configuration: opens data, teacher and student, and trains."""

from __future__ import annotations

from pathlib import Path

from edgeseg.errors import InvalidParameterError
from edgeseg.files import write_bytes
from training.common.configs import write_config
from training.common.distributed import World
from training.common.memory import keep_freed_memory
from training.common.store import EmbeddingStore
from training.edge_sam.batches import dataset, stream
from training.edge_sam.config import Config
from training.edge_sam.images import Images, open_images
from training.edge_sam.objective import Objective
from training.edge_sam.student import build_student
from training.edge_sam.teacher import Teacher, load_teacher
from training.edge_sam.trainer import DistillationTrainer
from training.edge_sam.validate import Validation


def train(config: Config, world: World) -> None:
    """Train as the configuration says, from its last checkpoint if there is one.

    Beside the checkpoints stand ``config.yaml`` and ``images.txt``, the images in their order.
    """
    keep_freed_memory()
    images = open_images(config.data.train, config.seed)
    teacher = None
    if config.phase < 3 and (config.targets == "teacher" or config.losses.embedding):
        teacher = load_teacher(config.teacher).to(world.device)
    store = open_store(config, "train", images, teacher)
    student = build_student(config, teacher)
    trainer = DistillationTrainer(
        config,
        student,
        Objective(config, student, teacher),
        len(images),
        world,
        open_validation(config, teacher, world),
    )
    if world.is_first:
        describe(config, images, trainer)
    tickets = trainer.tickets()
    trainer.train(stream(dataset(config, images, teacher, store), tickets, config))


def open_store(
    config: Config, name: str, images: Images, teacher: Teacher | None
) -> EmbeddingStore | None:
    """Open the stored embeddings; None where the teacher runs in the step, or there is none.

    Raises ConflictError where they are of another teacher, NotFoundError where some are missing.
    """
    if teacher is None or config.teacher.on_the_fly:
        return None
    if config.teacher.embeddings is None:
        raise InvalidParameterError(
            "Set teacher.embeddings to what precompute wrote, or teacher.on_the_fly to true."
        )
    store = EmbeddingStore.open(config.teacher.embeddings / name)
    store.check(teacher.fingerprint())
    store.require(images.keys)
    return store


def open_validation(config: Config, teacher: Teacher | None, world: World) -> Validation | None:
    """Open the validation images, on the first process; None where there are none."""
    if config.data.valid is None or not world.is_first:
        return None
    images = open_images(config.data.valid, config.seed)
    store = open_store(config, "valid", images, teacher)
    return Validation(config, images, world.device, teacher, store)


def describe(config: Config, images: Images, trainer: DistillationTrainer) -> None:
    """Write what is trained beside its checkpoints, and say it."""
    folder: Path = config.output
    folder.mkdir(parents=True, exist_ok=True)
    write_config(config, folder / "config.yaml")
    write_bytes(folder / "images.txt", "".join(f"{key}\n" for key in images.keys).encode())
    learning = sum(each.numel() for each in trainer.student.parameters() if each.requires_grad)
    total = sum(each.numel() for each in trainer.student.parameters())
    minutes = config.optimisation.minutes
    length = f"{minutes:g} minutes" if minutes else f"{trainer.total_steps:,} steps"
    print(
        f"{folder}: {len(images):,} images, {learning:,} of {total:,} parameters learn, {length}, "
        f"from step {trainer.step_number:,}",
        flush=True,
    )
