"""The jobs that a worker has in hand: one, or a batch whose stages are run together.

RQ starts and ends each job by itself, as ever; only the stage has been run when its turn comes.
"""

from __future__ import annotations

import time

from rq.executions import Execution
from rq.job import Job

from edgeseg.settings import Settings
from edgeseg.tasks import Bookkeeping, take_more
from edgeseg.worker import jobs

GPU_WAIT_MS = 5.0


class Hands:
    """Takes the jobs of a batch, and holds those whose turn has not come."""

    def __init__(self, books: Bookkeeping, device: str, settings: Settings) -> None:
        self._books = books
        self._max_batch = settings.max_batch
        wait_ms = settings.batch_wait_ms
        if wait_ms is None:
            wait_ms = 0.0 if device == "cpu" else GPU_WAIT_MS
        self._wait_s = wait_ms / 1000
        self._held: dict[str, Execution] = {}
        self._ended: list[Execution] = []

    @property
    def held(self) -> list[Execution]:
        """What keeps the jobs alive that wait for their turn, or for the end of their batch."""
        return [*self._held.values(), *self._ended]

    def take_more(self, job: Job) -> list[Job]:
        """Return the job and those to run together with it, all of them started."""
        max_batch = jobs.batch_size(job, self._max_batch)
        if max_batch < 2:
            return [job]
        stage = jobs.stage_of(job)
        taken = [job, *take_more(job, stage, max_batch)]
        if self._wait_s and len(taken) < max_batch and not jobs.is_alone(job):
            time.sleep(self._wait_s)
            taken += take_more(job, stage, max_batch - len(taken) + 1)
        if len(taken) > 1:
            executions = self._books.start(taken)
            self._held = {each.job_id: each for each in executions}
        return taken

    def give(self, job: Job) -> Execution | None:
        """Return what a job of the batch was started with: its turn has come."""
        return self._held.pop(job.id, None)

    def end(self, queue: str, execution: Execution | None = None) -> bool:
        """Note the end of a job, and say whether that of its whole batch is known to Redis.

        The jobs of a batch end together, so that whoever takes the next stage finds all of them.
        """
        if execution is not None and self._held:
            self._ended.append(execution)
            return False
        ended = [*self._ended, *([execution] if execution else [])]
        if ended:
            self._books.end(queue, ended, "idle")
        self._ended.clear()
        return True

    def drop(self) -> None:
        """Forget what is held: others will look after it."""
        self._held.clear()
        self._ended.clear()
