"""The queues of the stages: in the order of arrival, but large tasks after all others.

waiting   small 1   small 2   large 1   large 2
small 3 goes here ............^
"""

from __future__ import annotations

import redis
from redis.client import Pipeline
from rq import Queue

SERIALIZER = "json"
# In the metadata of a job, which RQ writes before it puts the job in line.
LARGE = "large"

_PUSH = """
local function is_large(id)
  local meta = redis.call('HGET', 'rq:job:' .. id, 'meta')
  return meta and string.find(meta, ARGV[2], 1, true)
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
    """A queue in which jobs of large tasks wait behind all others."""

    def push_job_id(
        self, job_id: str, pipeline: Pipeline | None = None, at_front: bool = False
    ) -> None:
        """Put a job in line; RQ calls this with every job that is to run."""
        if at_front:
            super().push_job_id(job_id, pipeline=pipeline, at_front=True)
            return
        connection = self.connection if pipeline is None else pipeline
        connection.eval(_PUSH, 1, self.key, job_id, f'"{LARGE}"')


def make_queue(name: str, connection: redis.Redis) -> StageQueue:
    """Return the queue of this name, its jobs written as JSON."""
    return StageQueue(name, connection=connection, serializer=SERIALIZER)
