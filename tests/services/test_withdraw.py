"""What is left of a task is withdrawn once, also when the API and a worker do so together."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from rq import Queue

from edgeseg.cli.embedded import EmbeddedStack
from edgeseg.settings import Role, Settings
from edgeseg.tasks import NewTask, TaskChain, TaskStore, keys

PLAN: tuple[Role, ...] = ("ground", "segment")


def test_two_may_withdraw_a_task_at_once(
    stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = redis.Redis.from_url(stack.redis_url)
    chain = TaskChain(connection, TaskStore(connection), Settings())
    # Nobody serves the first stage, so that all of it waits.
    task = NewTask("segment", PLAN, {}, "cat")
    chain.submit(task)
    removing = Queue.remove

    def remove(queue: Queue, job: Any, pipeline: Any = None) -> Any:
        """The other side is through with it in between."""
        connection.delete(job.key)
        return removing(queue, job, pipeline=pipeline)

    monkeypatch.setattr(Queue, "remove", remove)
    chain.withdraw(task.id, PLAN)
    monkeypatch.undo()
    # A worker may note a status after that, and a part of the job is there again.
    part = f"rq:job:{keys.job_id(task.id, 'segment')}"
    connection.hset(part, "status", "deferred")
    chain.withdraw(task.id, PLAN)
    connection.delete(part)
    queue = connection.lrange("rq:queue:" + keys.QUEUES["ground"], 0, -1)
    assert keys.job_id(task.id, "ground").encode() not in queue
    connection.close()
