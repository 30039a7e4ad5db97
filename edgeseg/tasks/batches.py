"""Jobs that a worker takes together, and what a worker that dies with them means for each.

A worker that is lost with eight jobs costs none of them an attempt, for seven are innocent; but the
next batch of each has at most four. So the one that kills its worker soon does so alone.
"""

from __future__ import annotations

from typing import Any, cast

from rq.job import Job

from edgeseg.settings import Role
from edgeseg.tasks import keys
from edgeseg.tasks.queue import LARGE, QUICK, SERIALIZER

_SIZE, _LIMIT = "batch", "batch_limit"

# In the order of the queue, up to the first job that is for another stage, or not for a batch.
_TAKE = """
local function field(id, name) return redis.call('HGET', 'rq:job:' .. id, name) end
local function is_alone(id)
  local meta = field(id, 'meta') or ''
  return string.find(meta, ARGV[4], 1, true) or string.find(meta, ARGV[5], 1, true)
end
local taken = {ARGV[1]}
local limit = tonumber(field(ARGV[1], 'batch_limit') or ARGV[3])
limit = is_alone(ARGV[1]) and 1 or math.min(limit, tonumber(ARGV[3]))
while #taken < limit do
  local id = redis.call('LINDEX', KEYS[1], 0)
  if not id or string.sub(id, -#ARGV[2]) ~= ARGV[2] or is_alone(id) then break end
  local own = tonumber(field(id, 'batch_limit') or limit)
  if own <= #taken then break end
  limit = math.min(limit, own)
  redis.call('RPUSH', KEYS[2], redis.call('LPOP', KEYS[1]))
  taken[#taken + 1] = id
end
for _, id in ipairs(taken) do
  local key = 'rq:job:' .. id
  if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'batch', #taken) end
end
table.remove(taken, 1)
return taken
"""


def take_more(job: Job, stage: Role, max_batch: int) -> list[Job]:
    """Take jobs of the same stage that wait behind a job which was taken, ``max_batch`` with it."""
    queue, connection = keys.QUEUES[stage], job.connection
    names = [keys.waiting_key(queue), keys.intermediate_key(queue)]
    arguments = [job.id, f"-{stage}", max_batch, f'"{LARGE}"', f'"{QUICK}"']
    taken = cast(list[bytes], connection.eval(_TAKE, len(names), *names, *map(str, arguments)))
    ids = [each.decode() for each in taken]
    jobs = Job.fetch_many(ids, connection=connection, serializer=SERIALIZER) if ids else []
    return [each for each in jobs if each is not None]


def was_lost_in_batch(job: Job) -> bool:
    """Say whether a job's worker died with others in hand; then the next batch is half as large."""
    size = int(cast(Any, job.connection).hget(job.key, _SIZE) or 1)
    if size < 2:
        return False
    job.connection.hset(job.key, mapping={_SIZE: "1", _LIMIT: str(size // 2)})
    return True
