"""What a living worker does for the dead: their jobs go back in line, or fail for good."""

from __future__ import annotations

import time
from typing import cast

import redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.registry import (
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    StartedJobRegistry,
)
from rq.timeouts import TimerDeathPenalty
from rq.worker_registration import clean_worker_registry

from edgeseg.tasks import keys
from edgeseg.tasks.queue import SERIALIZER

LOCK_MS = 900
LIMBO_S = 4.0


class Janitor:
    """Looks after the jobs of one queue whose workers died."""

    def __init__(self, queue: Queue, connection: redis.Redis, heartbeat_ttl_s: float) -> None:
        self._queue = queue
        self._connection = connection
        self._heartbeat_ttl_s = heartbeat_ttl_s
        # Running job to when it expires by the clock of its worker, and since when that is so.
        self._expiries: dict[bytes, tuple[float, float]] = {}
        # Job id to when this process first saw it between queue and worker, on its own clock: the
        # clock of the day may be set back.
        self._in_limbo_since: dict[str, float] = {}

    def sweep(self) -> bool:
        """Look after the queue; False when another worker has just done so.

        RQ's own maintenance runs between two jobs only and holds its lock for a quarter of an hour
        when its worker is killed; this one runs beside the job, and its lock expires by itself.
        """
        self._watch_limbo()
        self._watch_heartbeats()
        name = self._queue.name
        if not self._connection.set(keys.janitor_key(name), 1, nx=True, px=LOCK_MS):
            return False
        # Jobs of dead workers. Callbacks run in this thread, where no signal can be set.
        StartedJobRegistry(queue=self._queue, death_penalty_class=TimerDeathPenalty).cleanup()
        for registry in (FinishedJobRegistry, FailedJobRegistry, DeferredJobRegistry):
            registry(queue=self._queue).cleanup()
        clean_worker_registry(self._queue)
        self._rescue_limbo()
        return True

    def _watch_limbo(self) -> None:
        """Note which jobs a worker took off the queue and has not started."""
        taken = self._connection.lrange(self._queue.intermediate_queue_key, 0, -1)
        now, before = time.monotonic(), self._in_limbo_since
        job_ids = [raw.decode() for raw in cast(list[bytes], taken)]
        self._in_limbo_since = {job_id: before.get(job_id, now) for job_id in job_ids}

    def _watch_heartbeats(self) -> None:
        """Let jobs expire that got no heartbeat for long, whatever the clock of the day says."""
        key, now, before = keys.started_key(self._queue.name), time.monotonic(), self._expiries
        rows = cast(list[tuple[bytes, float]], self._connection.zrange(key, 0, -1, withscores=True))
        self._expiries = {}
        for job, expires_at in rows:
            last, since = before.get(job, (expires_at, now))
            since = since if last == expires_at else now
            self._expiries[job] = (expires_at, since)
            if now - since > 2 * self._heartbeat_ttl_s:
                self._connection.zadd(key, {job: 0}, xx=True)

    def _rescue_limbo(self) -> None:
        """Put back jobs whose worker died after taking them off the queue, before starting them."""
        for job_id, since in list(self._in_limbo_since.items()):
            if time.monotonic() - since > LIMBO_S:
                self._put_back(job_id)
                del self._in_limbo_since[job_id]

    def _put_back(self, job_id: str) -> None:
        limbo = self._queue.intermediate_queue_key
        try:
            job = Job.fetch(job_id, connection=self._connection, serializer=SERIALIZER)
        except NoSuchJobError:
            self._connection.lrem(limbo, 1, job_id)
            return
        with self._connection.pipeline() as pipe:
            pipe.lrem(limbo, 1, job_id)
            if job.get_status(refresh=False) == JobStatus.QUEUED:
                self._queue.push_job_id(job_id, pipeline=pipe, at_front=True)
            pipe.execute()
