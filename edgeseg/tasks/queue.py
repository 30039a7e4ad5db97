"""The queues of the stages: in the order of arrival, but large tasks last and corrections first.

waiting   quick 1   small 1   small 2   large 1   large 2
quick 2 goes here ..^         small 3 ..^

Only so many quick ones go before the others at a time, so that nobody waits for ever.
"""

from __future__ import annotations

import redis
from redis.client import Pipeline
from rq import Queue

SERIALIZER = "json"
# In the metadata of a job, which RQ writes before it puts the job in line.
LARGE = "large"
# Somebody waits for it at a screen, and it takes little time.
QUICK = "quick"
MAX_QUICK_FIRST = 4

_PUSH = """
local function is(id, what)
  local meta = redis.call('HGET', 'rq:job:' .. id, 'meta')
  return meta and string.find(meta, what, 1, true)
end
local function is_large(id) return is(id, ARGV[2]) end
if is(ARGV[1], ARGV[3]) then
  local first = redis.call('LRANGE', KEYS[1], 0, ARGV[4] - 1)
  for _, other in ipairs(first) do
    if not is(other, ARGV[3]) then
      return redis.call('LINSERT', KEYS[1], 'BEFORE', other, ARGV[1])
    end
  end
end
if not is_large(ARGV[1]) then
  local waiting, after = redis.call('LRANGE', KEYS[1], 0, -1), nil
  for place = #waiting, 1, -1 do
    if not is_large(waiting[place]) then break end
    after = waiting[place]
  end
  if after then return redis.call('LINSERT', KEYS[1], 'BEFORE', after, ARGV[1]) end
end
return redis.call('RPUSH', KEYS[1], ARGV[1])
"""


class StageQueue(Queue):
    """A queue in which jobs of large tasks wait behind all others, and quick ones before them."""

    def push_job_id(
        self, job_id: str, pipeline: Pipeline | None = None, at_front: bool = False
    ) -> None:
        """Put a job in line; RQ calls this with every job that is to run."""
        if at_front:
            super().push_job_id(job_id, pipeline=pipeline, at_front=True)
            return
        connection = self.connection if pipeline is None else pipeline
        marks = f'"{LARGE}"', f'"{QUICK}"', MAX_QUICK_FIRST
        connection.eval(_PUSH, 1, self.key, job_id, *marks)


def make_queue(name: str, connection: redis.Redis) -> StageQueue:
    """Return the queue of this name, its jobs written as JSON."""
    return StageQueue(name, connection=connection, serializer=SERIALIZER)
