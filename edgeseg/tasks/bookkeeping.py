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
local following = {}
for i = 2, #ARGV, 2 do
  for _, id in ipairs(redis.call('SMEMBERS', 'rq:job:' .. ARGV[i] .. ':dependents')) do
    following[#following + 1] = id
  end
end
if #following > 0 then redis.call('HSET', KEYS[2], 'state', ARGV[1]) end
for i = 2, #ARGV, 2 do
  local id, name = ARGV[i], ARGV[i] .. ':' .. ARGV[i + 1]
  local job = 'rq:job:' .. id
  redis.call('DEL', job, job .. ':dependents', 'rq:execution:' .. name, 'rq:executions:' .. id)
  redis.call('ZREM', KEYS[1], name)
end
for _, id in ipairs(following) do
  local job = redis.call('HMGET', 'rq:job:' .. id, 'status', 'origin', 'meta')
  if job[1] == 'deferred' then
    redis.call('HSET', 'rq:job:' .. id, 'status', 'queued')
    push('rq:queue:' .. job[2], id, job[3])
  end
end
if #following == 0 then redis.call('HSET', KEYS[2], 'state', ARGV[1]) end
redis.call('HDEL', KEYS[2], 'current_job')
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
        head = [repr(time.time()), str(self._ttl_s), self._worker_name]
        self._start(keys=names, args=[*head, *_ids(executions)])
        return executions

    def end(self, queue: str, executions: Sequence[Execution], state: str) -> None:
        """Drop the jobs of a queue that ended well, queue those that wait for them, all at once.

        ``state`` is that of the worker from now on.
        """
        names = [keys.started_key(queue), self._worker_key]
        self._end(keys=names, args=[state, *_ids(executions)])


def _ids(executions: Sequence[Execution]) -> list[str]:
    return [part for each in executions for part in (each.job_id, each.id)]
