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

# Lua: puts a job in line; ``meta`` is what its hash holds under that name.
PUSH_FUNCTION = f"""
local function marked(meta, mark) return meta and string.find(meta, mark, 1, true) end
local function meta_of(id) return redis.call('HGET', 'rq:job:' .. id, 'meta') end
local function push(queue, id, meta)
  if marked(meta, '"{QUICK}"') then
    for _, other in ipairs(redis.call('LRANGE', queue, 0, {MAX_QUICK_FIRST - 1})) do
      if not marked(meta_of(other), '"{QUICK}"') then
        return redis.call('LINSERT', queue, 'BEFORE', other, id)
      end
    end
  end
  if not marked(meta, '"{LARGE}"') then
    local place, after = -1, nil
    local other = redis.call('LINDEX', queue, place)
    while other and marked(meta_of(other), '"{LARGE}"') do
      place, after = place - 1, other
      other = redis.call('LINDEX', queue, place)
    end
    if after then return redis.call('LINSERT', queue, 'BEFORE', after, id) end
  end
  return redis.call('RPUSH', queue, id)
end
"""
_PUSH = PUSH_FUNCTION + "return push(KEYS[1], ARGV[1], meta_of(ARGV[1]))"


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
        connection.eval(_PUSH, 1, self.key, job_id)


def make_queue(name: str, connection: redis.Redis) -> StageQueue:
    """Return the queue of this name, its jobs written as JSON."""
    return StageQueue(name, connection=connection, serializer=SERIALIZER)
