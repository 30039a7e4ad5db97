"""What RQ notes of a job as it starts and as it ends well, in one command each.

RQ sends some forty commands a job, most of them for what the jobs of this stack have not: several
parents, results, statistics. What is read by RQ's own recovery of lost jobs is written as RQ does.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

import redis
from rq.executions import Execution
from rq.job import Job

from edgeseg.tasks import keys
from edgeseg.tasks.queue import PUSH_FUNCTION

_START = """
redis.call('HSET', KEYS[3], 'state', 'busy', 'current_job', ARGV[4])
for i = 4, #ARGV, 2 do
  local name, job = ARGV[i] .. ':' .. ARGV[i + 1], 'rq:job:' .. ARGV[i]
  local execution = 'rq:execution:' .. name
  redis.call('HSET', execution, 'id', ARGV[i + 1], 'worker_name', ARGV[3],
    'created_at', ARGV[1], 'last_heartbeat', ARGV[1])
  redis.call('EXPIRE', execution, ARGV[2])
  redis.call('ZADD', KEYS[1], ARGV[1] + ARGV[2], name)
  redis.call('LREM', KEYS[2], 1, ARGV[i])
  if redis.call('EXISTS', job) == 1 then
    redis.call('HSET', job, 'status', 'started', 'worker_name', ARGV[3])
  end
end
"""

# A job that ended well is not needed any more: its task knows what it made. Where others follow,
# the first command is one that a full Redis refuses: their task fails then, and frees its memory.
_END = (
    PUSH_FUNCTION
    + """
local following = redis.call('SMEMBERS', KEYS[2])
if #following > 0 then redis.call('HSET', KEYS[5], 'state', ARGV[3]) end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[4], 'rq:executions:' .. ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[2])
for _, id in ipairs(following) do
  local job = redis.call('HMGET', 'rq:job:' .. id, 'status', 'origin', 'meta')
  if job[1] == 'deferred' then
    redis.call('HSET', 'rq:job:' .. id, 'status', 'queued')
    push('rq:queue:' .. job[2], id, job[3])
  end
end
if #following == 0 then redis.call('HSET', KEYS[5], 'state', ARGV[3]) end
redis.call('HDEL', KEYS[5], 'current_job')
"""
)


class Bookkeeping:
    """Notes for a worker which jobs it starts and ends; ``ttl_s`` is how long they survive it."""

    def __init__(
        self, connection: redis.Redis, worker_name: str, worker_key: str, ttl_s: int
    ) -> None:
        self._connection = connection
        self._worker_name = worker_name
        self._worker_key = worker_key
        self._ttl_s = ttl_s
        self._start = connection.register_script(_START)
        self._end = connection.register_script(_END)

    def start(self, jobs: Sequence[Job]) -> list[Execution]:
        """Note that the jobs, all of one queue, are in hand from now on, and have a heartbeat."""
        queue = jobs[0].origin
        executions = [
            Execution(uuid.uuid4().hex, job.id, self._connection, self._worker_name) for job in jobs
        ]
        names = [keys.started_key(queue), keys.intermediate_key(queue), self._worker_key]
        pairs = [part for each in executions for part in (each.job_id, each.id)]
        head = [repr(time.time()), str(self._ttl_s), self._worker_name]
        self._start(keys=names, args=[*head, *pairs])
        return executions

    def end(self, job: Job, execution: Execution, state: str) -> None:
        """Drop a job that ended well, queue the one that waits for it, and note the new state."""
        names = [
            keys.job_key(job.id),
            keys.dependents_key(job.id),
            keys.started_key(job.origin),
            execution.key,
            self._worker_key,
        ]
        self._end(keys=names, args=[job.id, execution.composite_key, state])
