"""The training loop of all phases: steps, checkpoints, logs, and the best model kept."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from edgeseg.engines.edge_sam import EdgeSam
from edgeseg.errors import ConflictError
from training.common.distributed import World
from training.common.logs import RunLog
from training.common.precision import scaler
from training.common.states import read_state, write_state
from training.edge_sam.batches import Tickets, batch_size
from training.edge_sam.config import Config
from training.edge_sam.objective import Objective
from training.edge_sam.optimisation import learning_rate, optimisers
from training.edge_sam.samples import Batch
from training.edge_sam.student import train_mode
from training.edge_sam.validate import Validation

LAST, BEST = "last.pt", "best.pt"


class DistillationTrainer:
    """A student and everything that moves it; built again, it goes on with its last checkpoint."""

    def __init__(
        self,
        config: Config,
        student: EdgeSam,
        objective: Objective,
        images: int,
        world: World | None = None,
        validation: Validation | None = None,
    ) -> None:
        self.config, self.world = config, world or World()
        self.student = self._on_device(student)
        self.objective, self.validation = objective, validation
        self.images = images
        self.optimisers = optimisers(self.student, config.optimisation)
        self.scaler = scaler(self.world.device, config.optimisation.precision)
        self.ema = copy.deepcopy(self.student).eval() if config.optimisation.ema else None
        self.step_number = self.sample_number = 0
        self.elapsed_s, self.best = 0.0, -1.0
        last = config.output / LAST
        if last.exists():
            self._load(read_state(last, self.world.device))

    @property
    def shipped(self) -> EdgeSam:
        """The model that is evaluated: the averaged one where there is one."""
        return self.ema or self.student

    @property
    def progress(self) -> float:
        """How far the run is, in [0, 1]."""
        return self.progress_at(self.step_number)

    def progress_at(self, step: int) -> float:
        """How far the run is at a step: by the clock where minutes are given."""
        minutes = self.config.optimisation.minutes
        if minutes is not None:
            return min(1.0, self.elapsed_s / (minutes * 60))
        return min(1.0, step / self.total_steps)

    @property
    def total_steps(self) -> int:
        """Steps of the whole run, where it is not given in minutes."""
        options = self.config.optimisation
        if options.steps is not None:
            return options.steps
        assert options.epochs is not None
        return max(1, int(options.epochs * self.images / self._images_in_step()))

    def tickets(self) -> Tickets:
        """Return the sample numbers of the steps to come."""
        return Tickets(
            self.config, self.world, self.step_number, self.sample_number, self.progress_at
        )

    def train(self, batches: Iterator[Batch]) -> None:
        """Train until the end of the run, then save."""
        watching = self.config.watching
        log = RunLog(self.config.output, self.step_number) if self.world.is_first else None
        recent: dict[str, list[float]] = {}
        clock = time.monotonic()
        while self.progress < 1:
            losses = self.step(batches)
            now = time.monotonic()
            # All processes must see the end at the same step.
            self.elapsed_s = self.world.first(self.elapsed_s + now - clock)
            clock = now
            for name, value in losses.items():
                recent.setdefault(name, []).append(value)
            if self.step_number % watching.log_every == 0:
                self._report(log, {name: sum(each) / len(each) for name, each in recent.items()})
                recent.clear()
            if self.step_number % watching.validate_every == 0 or self.progress >= 1:
                self._validate(log)
            if self.step_number % watching.save_every == 0:
                self.save()
        self.save()
        if log is not None:
            log.close()

    def step(self, batches: Iterator[Batch]) -> dict[str, float]:
        """Make one step of ``accumulate`` batches; returns the mean losses."""
        options = self.config.optimisation
        train_mode(self.student)
        self._set_rate()
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        totals: dict[str, list[Tensor]] = {}
        for part in range(options.accumulate):
            batch = next(batches).to(self.world.device)
            self._seed(part)
            losses = self.objective(batch)
            summed = [value for name, value in losses.items() if not name.startswith("_")]
            loss = torch.stack(summed).sum() / options.accumulate
            self.scaler.scale(loss).backward()
            self._count(batch)
            for name, value in losses.items():
                totals.setdefault(name, []).append(value.detach())
        self._update()
        return {name: float(torch.stack(values).mean()) for name, values in totals.items()}

    def save(self) -> None:
        """Write the checkpoint; a crash in between leaves the old one. All processes must call."""
        self.world.share_buffers(self.student)
        if self.world.is_first:
            write_state(self.config.output / LAST, self.state())
        self.world.wait()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds: tensors, numbers and words alone."""
        weights = self.student.state_dict()
        return {
            "model": weights,
            "ema": weights if self.ema is None else self.ema.state_dict(),
            "optimisers": [each.state_dict() for each in self.optimisers],
            "scaler": self.scaler.state_dict(),
            "steps": self.step_number,
            "samples": self.sample_number,
            "elapsed_s": self.elapsed_s,
            "best": self.best,
            "config": self.config.model_dump(mode="json"),
        }

    def _load(self, state: dict[str, Any]) -> None:
        try:
            self.student.load_state_dict(state["model"])
            if self.ema is not None:
                self.ema.load_state_dict(state["ema"])
            for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
                optimiser.load_state_dict(saved)
            self.scaler.load_state_dict(state["scaler"])
            self.step_number, self.sample_number = state["steps"], state["samples"]
            self.elapsed_s, self.best = state["elapsed_s"], state["best"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise ConflictError(
                f"{self.config.output / LAST} is of another training ({str(error)[:200]}); "
                "choose another output, or name it in student.start."
            ) from error

    def _on_device(self, student: EdgeSam) -> EdgeSam:
        moved = student.to(self.world.device)
        is_shared = self.world.size > 1 and self.world.device.type == "cuda"
        if is_shared and self.config.optimisation.sync_batchnorm:
            return nn.SyncBatchNorm.convert_sync_batchnorm(moved)
        return moved

    def _images_in_step(self) -> int:
        size_px = self.config.student.sizes_px[-1]
        batch = batch_size(self.config, size_px)
        return batch * self.config.optimisation.accumulate * self.world.size

    def _set_rate(self) -> None:
        options = self.config.optimisation
        rate = learning_rate(options, self.progress, self._images_in_step())
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate

    def _seed(self, part: int) -> None:
        """Draw what this batch draws from numbers of its own, so that a restart draws the same."""
        number = (self.step_number * self.config.optimisation.accumulate + part) * self.world.size
        torch.manual_seed(self.config.seed * 1_000_003 + number + self.world.rank)

    def _count(self, batch: Batch) -> None:
        self.sample_number += len(batch.images) * self.world.size

    def _update(self) -> None:
        self.world.average_gradients(self.student.parameters())
        for optimiser in self.optimisers:
            self.scaler.unscale_(optimiser)
        learning = [each for each in self.student.parameters() if each.requires_grad]
        nn.utils.clip_grad_norm_(learning, self.config.optimisation.clip)
        for optimiser in self.optimisers:
            self.scaler.step(optimiser)
        self.scaler.update()
        self.step_number += 1
        if self.ema is not None:
            self._average(self.ema)

    @torch.no_grad()
    def _average(self, ema: EdgeSam) -> None:
        decay = self.config.optimisation.ema
        assert decay is not None
        # In the beginning the average follows fast: what is random should be forgotten.
        decay = min(decay, (1 + self.step_number) / (10 + self.step_number))
        own = self.student.state_dict()
        for name, value in ema.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(own[name].detach(), 1 - decay)
            else:
                value.copy_(own[name])

    def _report(self, log: RunLog | None, means: dict[str, float]) -> None:
        if log is None:
            return
        rate = self.optimisers[0].param_groups[0]["lr"]
        values = {name.removeprefix("_"): value for name, value in means.items()}
        log.write(self.step_number, {"rate": rate, **values})
        text = " ".join(f"{name} {value:.3f}" for name, value in values.items())
        spent = f"{self.progress:.1%} {self.elapsed_s / 60:.1f} min"
        print(f"step {self.step_number} {spent} rate {rate:.2e} {text}", flush=True)

    def _validate(self, log: RunLog | None) -> None:
        # All processes share the statistics, also those that do not validate.
        if self.config.data.valid is None:
            return
        self.world.share_buffers(self.student)
        if self.validation is not None:
            figures = self.validation.run(self.shipped)
            print(f"step {self.step_number} {figures}", flush=True)
            if log is not None:
                log.write(self.step_number, figures.values)
            if figures.score > self.best:
                self.best = figures.score
                state = {"model": self.shipped.state_dict(), "steps": self.step_number}
                config = self.config.model_dump(mode="json")
                write_state(
                    self.config.output / BEST,
                    {**state, "validation": figures.values, "config": config},
                )
        self.world.wait()
