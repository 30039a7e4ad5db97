"""What both trainings share: optimisers, schedule, averaged weights, checkpoints and the clock."""

from __future__ import annotations

import abc
import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from edgeseg.engines.torch.placement import pick_dtype
from training.common.memory import keep_freed_memory
from training.common.muon import Muon
from training.nano.backbone import channels_last

B = TypeVar("B")


class Ema:
    """A slow average of the weights: what is evaluated and shipped."""

    def __init__(self, model: nn.Module) -> None:
        self.model = copy.deepcopy(model).eval()
        self.steps = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards `model`, faster in the beginning."""
        self.steps += 1
        decay = 0.9985 * (1 - math.exp(-self.steps / 400))
        source = model.state_dict()
        for name, value in self.model.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(source[name].detach(), 1 - decay)
            else:
                value.copy_(source[name])


def optimisers(modules: list[nn.Module], rate: float) -> list[torch.optim.Optimizer]:
    """Muon for kernels and matrices, AdamW without decay for everything else."""
    parameters = [p for m in modules for p in m.parameters()]
    return [
        Muon([p for p in parameters if p.ndim > 1], lr=rate, weight_decay=0.03),
        torch.optim.AdamW([p for p in parameters if p.ndim <= 1], lr=rate, weight_decay=0.0),
    ]


def schedule(progress: float, steps: int) -> float:
    """Warm-up over 300 steps, flat for a third, then a cosine down to 1 %."""
    warm = min(1.0, (steps + 1) / 300)
    decay = max(0.0, (progress - 0.3) / 0.7)
    return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * decay)))


class Trainer(abc.ABC, Generic[B]):
    """Modules, the first of which is the model to ship, with everything that moves them.

    Runs on a GPU when there is one, else on the CPU. Computes in 16 bits where the device does so
    fast: a CPU without instructions for bfloat16 takes six times as long as in float32.
    """

    clip = 10.0
    log_every, save_every = 50, 500

    def __init__(self, modules: Mapping[str, nn.Module], checkpoint: Path, rate: float) -> None:
        keep_freed_memory()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.modules = {name: channels_last(m).to(self.device) for name, m in modules.items()}
        self.model = next(iter(self.modules.values()))
        self.optimisers = optimisers(list(self.modules.values()), rate)
        self.rate, self.checkpoint = rate, checkpoint
        self.ema, self.elapsed_s, self.steps = Ema(self.model), 0.0, 0
        if checkpoint.exists():
            self._load(torch.load(checkpoint, self.device, weights_only=True))

    @abc.abstractmethod
    def losses(self, batch: B) -> dict[str, Tensor]:
        """The weighted losses of a batch, to be summed; what begins with `_` is only reported."""

    def autocast(self) -> torch.autocast:
        """The context in which modules run."""
        is_fast = self.device.type != "cpu" or pick_dtype(self.device) == torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=is_fast)

    def _load(self, state: dict[str, Any]) -> None:
        for name, module in self.modules.items():
            module.load_state_dict(state[name])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.ema.model.load_state_dict(state["ema"])
        self.ema.steps = self.steps = state["steps"]
        self.elapsed_s = state["elapsed_s"]

    def save(self) -> None:
        """Write the checkpoint; a crash in between leaves the old one."""
        state = {
            **{name: module.state_dict() for name, module in self.modules.items()},
            "optimisers": [o.state_dict() for o in self.optimisers],
            "ema": self.ema.model.state_dict(),
            "steps": self.steps,
            "elapsed_s": self.elapsed_s,
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.checkpoint)

    def step(self, batch: B, progress: float) -> dict[str, float]:
        """One update at `progress` in [0, 1] through the schedule; returns the losses."""
        rate = self.rate * schedule(progress, self.steps)
        losses = self.losses(batch)
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
            for group in optimiser.param_groups:
                group["lr"] = rate
        summed = [value for name, value in losses.items() if not name.startswith("_")]
        torch.stack(summed).sum().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        for optimiser in self.optimisers:
            optimiser.step()
        self.ema.update(self.model)
        self.steps += 1
        return {k: float(v.detach()) for k, v in losses.items()}

    def train(
        self,
        stream_at: Callable[[float], Iterator[B]],
        minutes: float,
        until_s: float = math.inf,
    ) -> None:
        """Train until `minutes` in all, earlier runs counted, are spent, or pause at `until_s`.

        `stream_at` gives the stream of batches for a progress in [0, 1].
        """
        clock = time.monotonic()
        running: dict[str, float] = {}
        while self.elapsed_s < min(minutes * 60, until_s):
            progress = self.elapsed_s / (minutes * 60)
            losses = self.step(next(stream_at(progress)), progress)
            for name, value in losses.items():
                running[name] = running.get(name, value) * 0.98 + value * 0.02
            now = time.monotonic()
            self.elapsed_s, clock = self.elapsed_s + now - clock, now
            if self.steps % self.log_every == 0:
                text = " ".join(f"{k} {v:.3f}" for k, v in running.items())
                spent = f"{self.elapsed_s / 60:.1f}/{minutes:.0f} min"
                print(f"step {self.steps} {spent} {text}", flush=True)
            if self.steps % self.save_every == 0:
                self.save()
        self.save()


def worker_seed() -> int:
    """A seed for a loading process; workers start together, so their own number sets them apart."""
    return (time.time_ns() // 1000 + torch.initial_seed()) % 2**31
