"""What a living worker does for the dead: their jobs go back in line, or fail for good."""

from __future__ import annotations

import time
from typing import cast

import redis
from rq import Queue
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
from edgeseg.tasks.chain import SERIALIZER

LOCK_MS = 900
LIMBO_S = 4.0


def sweep(queue: Queue, connection: redis.Redis) -> bool:
    """Look after one queue; False when another worker has just done so.

    RQ's own maintenance runs between two jobs only and holds its lock for a quarter of an hour
    when its worker is killed; this one runs beside the job, and its lock expires by itself.
    """
    if not connection.set(keys.janitor_key(queue.name), 1, nx=True, px=LOCK_MS):
        return False
    # Jobs of dead workers. Callbacks run in this thread, where no signal can be set.
    StartedJobRegistry(queue=queue, death_penalty_class=TimerDeathPenalty).cleanup()
    for registry in (FinishedJobRegistry, FailedJobRegistry, DeferredJobRegistry):
        registry(queue=queue).cleanup()
    clean_worker_registry(queue)
    _rescue_limbo(queue, connection)
    return True


def _rescue_limbo(queue: Queue, connection: redis.Redis) -> None:
    """Put back jobs whose worker died after taking them off the queue, before starting them."""
    taken = [
        raw.decode()
        for raw in cast(list[bytes], connection.lrange(queue.intermediate_queue_key, 0, -1))
    ]
    limbo = keys.limbo_key(queue.name)
    seen = {
        raw.decode(): float(since)
        for raw, since in cast(dict[bytes, bytes], connection.hgetall(limbo)).items()
    }
    gone = [job_id for job_id in seen if job_id not in taken]
    if gone:
        connection.hdel(limbo, *gone)
    for job_id in taken:
        if job_id not in seen:
            connection.hset(limbo, job_id, repr(time.time()))
        elif time.time() - seen[job_id] > LIMBO_S:
            _put_back(queue, connection, job_id)
            connection.hdel(limbo, job_id)


def _put_back(queue: Queue, connection: redis.Redis, job_id: str) -> None:
    if not Job.exists(job_id, connection):
        connection.lrem(queue.intermediate_queue_key, 1, job_id)
        return
    job = Job.fetch(job_id, connection=connection, serializer=SERIALIZER)
    with connection.pipeline() as pipe:
        pipe.lrem(queue.intermediate_queue_key, 1, job_id)
        if job.get_status(refresh=False) == JobStatus.QUEUED:
            queue.push_job_id(job_id, pipeline=pipe, at_front=True)
        pipe.execute()
