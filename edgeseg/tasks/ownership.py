"""The unfinished tasks of each key's holder, counted so that no process counts alone."""

from __future__ import annotations

import time

import redis

from edgeseg.errors import RateLimitedError
from edgeseg.tasks import keys

# A task that was noted and is not written by then is given up: its process died.
WRITE_WAIT_S = 60.0
RETRY_AFTER_S = 2


# In one step: two that note themselves first and count then would both find themselves too many.
_RESERVE = f"""
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local status = redis.call('HGET', '{keys.task_key("")}' .. id, 'status')
  local age_s = ARGV[2] - redis.call('ZSCORE', KEYS[1], id)
  local is_lost = not status and age_s > {WRITE_WAIT_S}
  if is_lost or status == 'done' or status == 'failed' or status == 'cancelled' then
    redis.call('ZREM', KEYS[1], id)
  end
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], {keys.OWNER_TTL_S})
return 1
"""


def reserve_task(connection: redis.Redis, owner: str, task_id: str, limit: int) -> None:
    """Note a task that is about to be written for its owner.

    Raises:
        RateLimitedError: the owner has as many unfinished tasks as are allowed.
    """
    arguments = [keys.owner_key(owner), task_id, repr(time.time()), str(limit)]
    if not connection.eval(_RESERVE, 1, *arguments):
        raise RateLimitedError(
            f"{limit} tasks of the key {owner!r} wait or run, and no more may.",
            limit=limit,
            retry_after_s=RETRY_AFTER_S,
        )


def release_task(connection: redis.Redis, owner: str, task_id: str) -> None:
    """Forget a task that was noted and not written."""
    connection.zrem(keys.owner_key(owner), task_id)
