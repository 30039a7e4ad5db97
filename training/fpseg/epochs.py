"""A training in epochs, which goes on after the last one that ended."""

from __future__ import annotations

import abc
import time
from pathlib import Path
from typing import Any

from edgeseg.errors import ConflictError
from training.common.distributed import World
from training.common.logs import RunLog
from training.common.states import read_state, write_state

LAST, BEST = "last.pt", "checkpoint.pth"


class EpochRun(abc.ABC):
    """Epochs, of which some are tested and the last always is; the best is kept.

    ``log_dir`` gets ``log.csv``, ``last.pt`` (what a restart needs) and ``checkpoint.pth``.
    """

    def __init__(self, log_dir: Path, n_epochs: int, test_interval: int, world: World) -> None:
        self.log_dir, self.n_epochs, self.world = log_dir, n_epochs, world
        self._test_interval = test_interval
        self.epoch, self.step, self.elapsed_s = 0, 0, 0.0
        self.best: float | None = None
        self._log: RunLog | None = None

    @abc.abstractmethod
    def train_epoch(self) -> None:
        """Make the steps of this epoch, and count them."""

    @abc.abstractmethod
    def test(self) -> None:
        """Measure, and keep what is better than `best`; one process alone does."""

    @abc.abstractmethod
    def learned(self) -> dict[str, Any]:
        """Return the weights and what moves them."""

    @abc.abstractmethod
    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `learned` returned."""

    def log(self, values: dict[str, float]) -> None:
        """Log numbers of this step."""
        if self._log is not None:
            self._log.write(self.step, values)

    def run(self) -> None:
        """Train the epochs that are left."""
        self._log = RunLog(self.log_dir, self.step) if self.world.is_first else None
        try:
            while self.epoch < self.n_epochs:
                self._epoch()
        finally:
            if self._log is not None:
                self._log.close()

    def resume(self) -> None:
        """Go on from `last.pt`, if it is there; raises ConflictError where it is of another run."""
        path = self.log_dir / LAST
        if not path.exists():
            return
        state = read_state(path, self.world.device)
        try:
            self.load(state)
            self.epoch, self.step = state["epoch"], state["step"]
            self.best, self.elapsed_s = state["best"], state["elapsed_s"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise ConflictError(
                f"{path} is of another training ({str(error)[:200]}); choose another log_dir."
            ) from error

    def _epoch(self) -> None:
        clock = time.monotonic()
        self.train_epoch()
        self.epoch += 1
        is_last = self.epoch == self.n_epochs
        if self.world.is_first:
            if is_last or self.epoch % self._test_interval == 0:
                self.test()
            self.elapsed_s += time.monotonic() - clock
            write_state(self.log_dir / LAST, self._state())
        self.world.wait()

    def _state(self) -> dict[str, Any]:
        return {
            **self.learned(),
            "epoch": self.epoch,
            "step": self.step,
            "best": self.best,
            "elapsed_s": self.elapsed_s,
        }
