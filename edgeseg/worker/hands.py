"""The jobs that a worker has in hand: one, or a batch whose stages are run together.

RQ starts and ends each job by itself, as ever; only the stage has been run when its turn comes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import redis
from rq.executions import Execution
from rq.job import Job

from edgeseg.settings import Settings
from edgeseg.tasks import keys, take_more
from edgeseg.worker import jobs

GPU_WAIT_MS = 5.0


class Hands:
    """Takes the jobs of a batch, and holds those whose turn has not come."""

    def __init__(self, worker_name: str, device: str, settings: Settings) -> None:
        self._worker_name = worker_name
        self._ttl_s = settings.heartbeat_ttl_s
        self._max_batch = settings.max_batch
        wait_ms = settings.batch_wait_ms
        if wait_ms is None:
            wait_ms = 0.0 if device == "cpu" else GPU_WAIT_MS
        self._wait_s = wait_ms / 1000
        self._held: dict[str, Execution] = {}

    @property
    def held(self) -> list[Execution]:
        """What keeps the jobs alive that wait for their turn."""
        return list(self._held.values())

    def take_more(self, job: Job) -> list[Job]:
        """Return the job and those to run together with it, all of them started."""
        if self._max_batch < 2 or not jobs.is_batched(job):
            return [job]
        stage = jobs.stage_of(job)
        taken = [job, *take_more(job, stage, self._max_batch)]
        if self._wait_s and len(taken) < self._max_batch and not jobs.is_alone(job):
            time.sleep(self._wait_s)
            taken += take_more(job, stage, self._max_batch - len(taken) + 1)
        if len(taken) > 1:
            self._start(taken)
        return taken

    def _start(self, taken: Sequence[Job]) -> None:
        connection: redis.Redis = taken[0].connection
        with connection.pipeline() as pipe:
            for each in taken:
                # From here on they have a heartbeat, and are no more between queue and worker.
                self._held[each.id] = Execution.create(each, self._ttl_s, pipe, self._worker_name)
                pipe.lrem(keys.intermediate_key(each.origin), 1, each.id)
            pipe.execute()

    def give(self, job: Job) -> Execution | None:
        """Return what a job of the batch was started with: its turn has come."""
        return self._held.pop(job.id, None)

    def drop(self) -> None:
        """Forget what is held: others will look after it."""
        self._held.clear()
