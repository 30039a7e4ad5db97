"""One process or several, as torchrun starts them: who this is, and what all agree on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class World:
    """This process among those of the run."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Whether this process writes logs and checkpoints."""
        return self.rank == 0

    def mean(self, value: float) -> float:
        """Return the mean over all processes; all must call it."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return float(tensor) / self.size

    def first(self, value: float) -> float:
        """Return the first process's value; all must call it."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(tensor, 0)
        return float(tensor)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over all processes.

        Box prompts leave the weights of three masks without a gradient, on some processes only:
        there it counts as zero, and what none has stays without.
        """
        if self.size == 1:
            return
        wanted = [each for each in parameters if each.requires_grad]
        has = torch.tensor([float(each.grad is not None) for each in wanted], device=self.device)
        dist.all_reduce(has)
        shared = [each for each, count in zip(wanted, has.tolist(), strict=True) if count]
        if not shared:
            return
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in shared]
        flat = torch.cat([grad.flatten() for grad in grads])
        dist.all_reduce(flat)
        flat /= self.size
        parts: tuple[Tensor, ...] = flat.split([grad.numel() for grad in grads])
        for parameter, part in zip(shared, parts, strict=True):
            parameter.grad = part.view_as(parameter)

    @torch.no_grad()
    def share_buffers(self, model: nn.Module) -> None:
        """Replace the statistics of batch normalisation by their mean over all processes."""
        if self.size == 1:
            return
        for buffer in model.buffers():
            if buffer.dtype.is_floating_point:
                dist.all_reduce(buffer)
                buffer /= self.size


@contextmanager
def joined() -> Iterator[World]:
    """Join the processes of a run that torchrun started; alone without it.

    Each takes the GPU of its local rank, or the CPU and gloo.
    """
    size, local = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("LOCAL_RANK", 0))
    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda", local) if has_gpu else torch.device("cpu")
    if has_gpu:
        torch.cuda.set_device(device)
    if size == 1:
        yield World(device=device)
        return
    dist.init_process_group("nccl" if has_gpu else "gloo")
    try:
        yield World(dist.get_rank(), size, device)
    finally:
        dist.destroy_process_group()
