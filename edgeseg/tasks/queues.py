"""Lengths of the queues and the workers that serve them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import redis
import redis.asyncio

from edgeseg.settings import Role
from edgeseg.tasks import keys
from edgeseg.tasks.connection import redis_errors


@dataclass(frozen=True)
class WorkerView:
    """A live worker: its name, state, and engine; not its task, whose id opens others' images."""

    name: str
    state: str
    pid: int
    host: str
    engine: dict[str, str]


@dataclass(frozen=True)
class QueueView:
    """A queue: jobs that wait, run and failed for good, and the workers that are alive."""

    name: str
    waiting: int
    running: int
    failed: int
    workers: list[WorkerView] = field(default_factory=list)


@dataclass(frozen=True)
class QueuesView:
    """All queues by name, the bytes of the images that wait in them, and the memory of Redis.

    ``max_bytes`` is 0 where Redis has no limit or does not tell; ``started_at`` is when the reading
    began, in seconds of the monotonic clock.
    """

    queues: dict[str, QueueView]
    waiting_bytes: int
    used_bytes: int
    max_bytes: int
    started_at: float


# Each job that waits is another task, and its id begins with that of the task.
_WAITING_BYTES = """
local total = 0
for _, queue in ipairs(KEYS) do
  for _, job in ipairs(redis.call('LRANGE', queue, 0, -1)) do
    local task = string.match(job, '^(.*)-')
    local images = task and 'edgeseg:task:' .. task .. ':image'
    for _, index in ipairs(images and redis.call('HKEYS', images) or {}) do
      total = total + redis.call('HSTRLEN', images, index)
    end
  end
end
return total
"""


class QueueMonitor:
    """Reads the queues once for all who ask at the same time.

    A reading begins after it was asked for, so that nobody gets a state from before. Of workers,
    who come and go seldom, one that admits recent views shows those of up to half a second ago.
    """

    MIN_INTERVAL_S = 0.025
    MAX_WORKERS_AGE_S = 0.5

    def __init__(self, connection: redis.asyncio.Redis) -> None:
        self._connection = connection
        self._latest: QueuesView | None = None
        self._current: asyncio.Task[QueuesView] | None = None
        self._following: asyncio.Task[QueuesView] | None = None
        self._needs_workers = True
        self._workers_read_at = 0.0

    async def read(self, max_age_s: float | None = None) -> QueuesView:
        """Return the queues as they are now, or as they were up to ``max_age_s`` ago.

        Raises:
            QueueUnavailableError: Redis does not answer.
        """
        latest, now = self._latest, time.monotonic()
        is_recent = latest is not None and now - latest.started_at <= (max_age_s or -1.0)
        if latest is not None and is_recent:
            return latest
        self._needs_workers |= max_age_s is None
        if self._following is None:
            current = self._current
            if current is not None and current.done():
                current = None
            self._following = asyncio.create_task(self._read_after(current))
        with redis_errors():
            return await asyncio.shield(self._following)

    async def _read_after(self, current: asyncio.Task[QueuesView] | None) -> QueuesView:
        try:
            if current is not None:
                await asyncio.wait([current])
                # If Redis has not answered by now, nobody else waits as long again.
                current.result()
        except BaseException:
            self._following = None
            raise
        if self._latest is not None:
            elapsed_s = time.monotonic() - self._latest.started_at
            await asyncio.sleep(max(0.0, self.MIN_INTERVAL_S - elapsed_s))
        self._current, self._following = self._following, None
        now, known = time.monotonic(), self._latest
        if self._needs_workers or now - self._workers_read_at > self.MAX_WORKERS_AGE_S:
            self._needs_workers, known = False, None
        try:
            self._latest = await _read_queues(self._connection, known)
        except BaseException:
            self._needs_workers = True
            raise
        if known is None:
            self._workers_read_at = now
        return self._latest


async def _read_queues(
    connection: redis.asyncio.Redis, known: QueuesView | None = None
) -> QueuesView:
    """Return all queues, in two round trips; in one with the workers of a view that is known."""
    started_at = time.monotonic()
    async with connection.pipeline(transaction=False) as pipe:
        for name in keys.QUEUE_NAMES:
            pipe.llen(keys.waiting_key(name))
            pipe.zcard(keys.started_key(name))
            pipe.zcard(keys.failed_key(name))
        waiting = [keys.waiting_key(name) for name in keys.QUEUE_NAMES]
        pipe.eval(_WAITING_BYTES, len(waiting), *waiting)
        # A Redis that is not ours may refuse to tell.
        pipe.info("memory")
        if known is None:
            for name in keys.QUEUE_NAMES:
                pipe.smembers(keys.workers_key(name))
        replies = await pipe.execute(raise_on_error=False)
    counts, rest = replies[: 3 * len(waiting)], replies[3 * len(waiting) :]
    waiting_bytes, memory, *members = rest
    _raise_first([*counts, waiting_bytes, *members])
    if known is None:
        workers = await _read_workers(connection, members)
    else:
        workers = [known.queues[name].workers for name in keys.QUEUE_NAMES]
    views = {}
    for i, name in enumerate(keys.QUEUE_NAMES):
        waiting_jobs, running, failed = counts[3 * i : 3 * i + 3]
        views[name] = QueueView(name, waiting_jobs, running, failed, workers[i])
    memory = memory if isinstance(memory, dict) else {}
    used, limit = int(memory.get("used_memory", 0)), int(memory.get("maxmemory", 0))
    return QueuesView(views, int(waiting_bytes), used, limit, started_at)


async def _read_workers(
    connection: redis.asyncio.Redis, members: Sequence[Collection[bytes]]
) -> list[list[WorkerView]]:
    """Return the live workers among those of each queue, by name."""
    queues = [sorted(each) for each in members]
    async with connection.pipeline(transaction=False) as pipe:
        for key in (key for queue in queues for key in queue):
            pipe.hgetall(key)
        hashes = iter(await pipe.execute() if any(queues) else [])
    read = [[_worker(key.decode(), next(hashes)) for key in queue] for queue in queues]
    return [[worker for worker in queue if worker is not None] for queue in read]


def _raise_first(replies: Sequence[Any]) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


# In one step, so that a job which starts meanwhile is counted once.
_QUEUE_POSITION = """
local position = redis.call('LPOS', KEYS[1], ARGV[1])
return position and position + redis.call('ZCARD', KEYS[2])
"""


async def queue_position(connection: redis.asyncio.Redis, task_id: str, stage: Role) -> int | None:
    """Return how many jobs run or wait before a task's stage; None when it does not wait.

    Raises:
        QueueUnavailableError: Redis does not answer.
    """
    queue, job = keys.QUEUES[stage], keys.job_id(task_id, stage)
    names = [keys.waiting_key(queue), keys.started_key(queue)]
    with redis_errors():
        position = await cast(Any, connection.eval(_QUEUE_POSITION, len(names), *names, job))
    return None if position is None else int(position)


def unserved(views: dict[str, QueueView], plan: tuple[Role, ...]) -> list[str]:
    """Return the queues that a plan needs and that no live worker serves, in order."""
    needed = dict.fromkeys(keys.QUEUES[stage] for stage in plan)
    return [name for name in needed if not views[name].workers]


def _worker(key: str, raw: dict[bytes, bytes]) -> WorkerView | None:
    data = {name.decode(): value.decode() for name, value in raw.items()}
    # The hash of a dead worker is gone; one that has no birth was revived by a late write.
    if "birth" not in data or "death" in data:
        return None
    return WorkerView(
        name=key.removeprefix("rq:worker:"),
        state=data.get("state", "started"),
        pid=int(data.get("pid", 0)),
        host=data.get("hostname", ""),
        engine=cast(dict[str, Any], json.loads(data.get("engine", "{}"))),
    )
