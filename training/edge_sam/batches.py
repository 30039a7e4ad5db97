"""The stream of batches: which samples come when, the same after a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from torch.utils.data import DataLoader, Dataset, Sampler

from edgeseg.errors import InvalidParameterError
from training.common.distributed import World
from training.common.store import EmbeddingStore
from training.edge_sam.config import Config
from training.edge_sam.images import CocoImages, Images
from training.edge_sam.samples import Batch, Sample, Ticket, Views, Wants, WholeImages, collate
from training.edge_sam.teacher import Teacher


class Tickets(Sampler[list[Ticket]]):
    """Sample numbers of this process's batches; the processes take turns, and nothing is skipped.

    ``progress_at`` says for a step how far the run is, in [0, 1].
    """

    def __init__(
        self,
        config: Config,
        world: World,
        step: int,
        number: int,
        progress_at: Callable[[int], float],
    ) -> None:
        self._config, self._world = config, world
        self._step, self.number, self._progress_at = step, number, progress_at

    def __iter__(self) -> Iterator[list[Ticket]]:
        options, sizes = self._config.optimisation, self._config.student.sizes_px
        while True:
            progress = self._progress_at(self._step)
            size_px = sizes[min(int(progress * len(sizes)), len(sizes) - 1)]
            count = batch_size(self._config, size_px)
            for _ in range(options.accumulate):
                first = self.number + self._world.rank * count
                self.number += self._world.size * count
                yield [(first + index, size_px) for index in range(count)]
            self._step += 1


def batch_size(config: Config, size_px: int) -> int:
    """Return how many images of a size a process takes at once."""
    options = config.optimisation
    if options.batch_px is None:
        return options.batch
    return max(2, round(options.batch_px / size_px**2))


def dataset(
    config: Config, images: Images, teacher: Teacher | None, store: EmbeddingStore | None
) -> Dataset[Sample]:
    """Build the data set of the configuration; each sample is found by its `Ticket`."""
    needs_teacher = teacher is not None and store is None
    wants = Wants(
        seed=config.seed,
        objects=config.prompts.objects if config.phase > 1 else 0,
        masks=config.data.views or (config.targets == "annotations" and config.phase == 2),
        points=config.phase == 2,
        point_in_mask=config.prompts.point == "mask",
        teacher_px=teacher.size_px if teacher is not None and needs_teacher else None,
    )
    if not config.data.views:
        return WholeImages(images, wants, store)
    if not isinstance(images, CocoImages):
        raise InvalidParameterError("data.views needs images in the format coco or lvis.")
    return Views(images, replace(wants, objects=max(1, config.prompts.objects)))


def stream(source: Dataset[Sample], tickets: Tickets, config: Config) -> Iterator[Batch]:
    """Load batches without end."""
    loader = DataLoader(
        source,
        batch_sampler=tickets,
        collate_fn=collate,
        num_workers=config.data.workers,
        prefetch_factor=3 if config.data.workers else None,
    )
    return iter(loader)
