"""What the queues look like now: how long they are and who serves them."""

from __future__ import annotations

import json
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


async def look(connection: redis.asyncio.Redis) -> dict[str, QueueView]:
    """Return every queue by name, in two round trips.

    Raises:
        QueueUnavailableError: Redis does not answer.
    """
    with redis_errors():
        async with connection.pipeline(transaction=False) as pipe:
            for name in keys.QUEUE_NAMES:
                pipe.llen(keys.waiting_key(name))
                pipe.zcard(keys.started_key(name))
                pipe.zcard(keys.failed_key(name))
                pipe.smembers(keys.workers_key(name))
            counts = await pipe.execute()
            members = [sorted(counts[i + 3]) for i in range(0, len(counts), 4)]
            for key in (key for queue in members for key in queue):
                pipe.hgetall(key)
            hashes = iter(await pipe.execute())
    views = {}
    for i, name in enumerate(keys.QUEUE_NAMES):
        waiting, running, failed = counts[4 * i : 4 * i + 3]
        workers = [_worker(key.decode(), next(hashes)) for key in members[i]]
        alive = [worker for worker in workers if worker is not None]
        views[name] = QueueView(name, waiting, running, failed, alive)
    return views


async def count_ahead(connection: redis.asyncio.Redis, task_id: str, stage: Role) -> int | None:
    """Return how many jobs run or wait before a task's stage; None when it does not wait.

    Raises:
        QueueUnavailableError: Redis does not answer.
    """
    queue, job = keys.QUEUES[stage], keys.job_id(task_id, stage)
    with redis_errors():
        # One transaction, so that a job which starts meanwhile is counted once.
        async with connection.pipeline(transaction=True) as pipe:
            pipe.lpos(keys.waiting_key(queue), job)
            pipe.zcard(keys.started_key(queue))
            place, running = await pipe.execute()
    return None if place is None else int(place) + int(running)


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
