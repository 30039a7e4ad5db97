"""The unfinished tasks of each key's holder, counted so that no process counts alone."""

from __future__ import annotations

import time
from typing import Any, cast

import redis

from edgeseg.errors import RateLimitedError
from edgeseg.schemas import FINAL_STATES
from edgeseg.tasks import keys

# A task that was noted and is not written by then is given up: its process died.
WRITE_WAIT_S = 60.0
RETRY_AFTER_S = 2


def reserve_task(connection: redis.Redis, owner: str, task_id: str, limit: int) -> None:
    """Note a task that is about to be written for its owner.

    Raises:
        RateLimitedError: the owner has as many unfinished tasks as are allowed.
    """
    name, now = keys.owner_key(owner), time.time()
    connection.zadd(name, {task_id: now})
    connection.expire(name, keys.OWNER_TTL_S)
    rows = cast(list[tuple[bytes, float]], connection.zrange(name, 0, -1, withscores=True))
    with connection.pipeline(transaction=False) as pipe:
        for raw_id, _ in rows:
            pipe.hget(keys.task_key(raw_id.decode()), "status")
        states = cast(list[bytes | None], pipe.execute())
    ended = [
        raw_id
        for (raw_id, since), state in zip(rows, states, strict=True)
        if _has_ended(state, now - since)
    ]
    if ended:
        connection.zrem(name, *cast(Any, ended))
    if len(rows) - len(ended) > limit:
        release_task(connection, owner, task_id)
        raise RateLimitedError(
            f"{limit} tasks of the key {owner!r} wait or run, and no more may.",
            limit=limit,
            retry_after_s=RETRY_AFTER_S,
        )


def release_task(connection: redis.Redis, owner: str, task_id: str) -> None:
    """Forget a task that was noted and not written."""
    connection.zrem(keys.owner_key(owner), task_id)


def _has_ended(state: bytes | None, age_s: float) -> bool:
    return age_s > WRITE_WAIT_S if state is None else state.decode() in FINAL_STATES
