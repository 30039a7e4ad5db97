"""Tasks as chains of RQ jobs: a stage is a job on its queue, started by the end of the last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import redis
from rq import Callback, Retry
from rq.job import Job, JobStatus

from edgeseg.errors import QueueUnavailableError
from edgeseg.settings import Role, Settings
from edgeseg.tasks import keys
from edgeseg.tasks.prefetch import announce
from edgeseg.tasks.queue import LARGE, QUICK, make_queue
from edgeseg.tasks.record import NewTask
from edgeseg.tasks.store import Claim, TaskStore

# Named, not imported: only workers load what runs a stage.
RUN_STAGE = "edgeseg.worker.jobs.run_stage"
ON_FAILURE = "edgeseg.worker.jobs.on_failure"
# What RQ needs of a job that waits, beside when it came: to run it, and to judge its failure.
_FIELDS = {
    "created_at", "data", "origin", "status", "meta", "timeout", "failure_ttl", "retries_left",
    "failure_callback_name", "dependency_id",
}  # fmt: skip

# One step for each job, whatever workers do meanwhile: a job that waits goes with all its keys; one
# that a worker has taken stays, because the worker would write parts of it again. It ends by itself
# when the worker finds that its task has ended.
_WITHDRAW = """
local status = redis.call('HGET', KEYS[1], 'status')
local waits = redis.call('LREM', KEYS[2], 0, ARGV[1]) > 0
if not waits and status ~= 'deferred' then return 0 end
local parent = redis.call('HGET', KEYS[1], 'dependency_id')
if parent then redis.call('SREM', 'rq:job:' .. parent .. ':dependents', ARGV[1]) end
return redis.call('DEL', KEYS[1], KEYS[3])
"""

# One step as well: a job that another worker has taken meanwhile stays with it.
_PUT_BACK = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local taken = redis.call('LREM', KEYS[3], 0, ARGV[1])
for _, execution in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
  local key = 'rq:execution:' .. execution
  local worker = redis.call('HGET', key, 'worker_name') or ARGV[2]
  if string.sub(execution, 1, #ARGV[1] + 1) == ARGV[1] .. ':' and worker == ARGV[2] then
    taken = taken + redis.call('ZREM', KEYS[4], execution)
    redis.call('DEL', key)
  end
end
if taken == 0 then return 0 end
redis.call('HSET', KEYS[1], 'status', 'queued')
if ARGV[3] ~= '' then return redis.call('RPUSH', KEYS[2], ARGV[1]) end
redis.call('LPUSH', KEYS[2], ARGV[1])
return redis.call('HINCRBY', KEYS[1], 'times_put_back', 1)
"""


class TaskChain:
    """Submits tasks, puts their jobs back in line, and withdraws what is left of them."""

    def __init__(self, connection: redis.Redis, store: TaskStore, settings: Settings) -> None:
        self.connection = connection
        self.store = store
        self._settings = settings
        self._withdraw = connection.register_script(_WITHDRAW)
        self._put_back = connection.register_script(_PUT_BACK)
        self._queues = {name: make_queue(name, connection) for name in keys.QUEUE_NAMES}

    def submit(
        self, task: NewTask, images: Sequence[bytes] = (), claim: Claim | None = None
    ) -> None:
        """Write the task, its image files and its jobs in one transaction: all of it or nothing.

        ``claim`` is the idempotency key that was claimed for the task.
        """
        with self.connection.pipeline() as pipe:
            before: Job | None = None
            for stage in task.plan:
                job = self._job(task, stage, before)
                pipe.hset(job.key, mapping=cast(Any, _fields(job)))
                if before is None:
                    self._queues[keys.QUEUES[stage]].push_job_id(job.id, pipeline=pipe)
                else:
                    pipe.sadd(before.dependents_key, job.id)
                before = job
            self.store.write(task, images, pipe, claim)
            announce(task, pipe)
            pipe.execute()

    def put_back(self, task_id: str, stage: Role, worker: str) -> int:
        """Put the job that a worker runs back at the front of its queue, as if it were not taken.

        Return how often that happened to this job; 0 if the worker does not have it any more.
        """
        name, queue = keys.job_id(task_id, stage), keys.QUEUES[stage]
        status = self.connection.hget(keys.job_key(name), "status")
        if status in (None, b"finished"):
            return 0
        self.store.queue_again(task_id, stage, {"reason": QueueUnavailableError.code})
        return cast(int, self._put_back(keys=self._keys_of(name, queue), args=[name, worker, ""]))

    def give_way(self, task_id: str, stage: Role, worker: str, fields: Mapping[str, str]) -> None:
        """Put the job that a worker runs at the end of its queue, and keep what it has made."""
        name, queue = keys.job_id(task_id, stage), keys.QUEUES[stage]
        self.store.queue_again(task_id, stage, {"reason": "gave_way"}, fields)
        self._put_back(keys=self._keys_of(name, queue), args=[name, worker, "last"])

    def small_ones_wait(self, stage: Role) -> bool:
        """Say whether a task that is not large waits for a stage: it would be the first in line."""
        first = cast(Any, self.connection).lindex(keys.waiting_key(keys.QUEUES[stage]), 0)
        if first is None:
            return False
        meta = cast(Any, self.connection).hget(keys.job_key(first.decode()), "meta")
        return f'"{LARGE}"'.encode() not in (meta or b"")

    def _keys_of(self, name: str, queue: str) -> list[str]:
        names = [keys.job_key(name), keys.waiting_key(queue)]
        return [*names, keys.intermediate_key(queue), keys.started_key(queue)]

    def withdraw(self, task_id: str, stages: Iterable[Role] = tuple(keys.QUEUES)) -> None:
        """Delete the jobs of these stages that no worker has taken; all may do so at any time."""
        with self.connection.pipeline(transaction=False) as pipe:
            for stage in stages:
                name, queue = keys.job_id(task_id, stage), keys.QUEUES[stage]
                names = [keys.job_key(name), keys.waiting_key(queue), keys.dependents_key(name)]
                self._withdraw(keys=names, args=[name], client=pipe)
            pipe.execute()

    def _job(self, task: NewTask, stage: Role, after: Job | None) -> Job:
        return self._queues[keys.QUEUES[stage]].create_job(
            RUN_STAGE,
            args=(task.id, stage),
            job_id=keys.job_id(task.id, stage),
            meta=_marks(task),
            depends_on=after,
            status=JobStatus.QUEUED if after is None else JobStatus.DEFERRED,
            # A stage takes all images of a task.
            timeout=self._settings.stage_timeout_s * max(1, len(task.images)),
            failure_ttl=self._settings.task_ttl_s,
            # Retries are for lost workers only: see StageWorker.handle_job_failure.
            retry=Retry(self._settings.max_attempts - 1)
            if self._settings.max_attempts > 1
            else None,
            on_failure=Callback(ON_FAILURE),
        )


def _fields(job: Job) -> dict[str, Any]:
    return {name: value for name, value in job.to_dict().items() if name in _FIELDS}


def _marks(task: NewTask) -> dict[str, bool] | None:
    if task.is_large:
        return {LARGE: True}
    return {QUICK: True} if task.kind == "refine" else None
