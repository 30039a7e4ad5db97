"""What is left of a task is withdrawn in one step, whatever workers do meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
import redis
from rq.job import Job

from edgeseg.client import EdgeSegClient
from edgeseg.schemas import SegmentRequest
from edgeseg.settings import Role, Settings
from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import NewTask, TaskChain, TaskStore, keys
from edgeseg.tasks.queue import SERIALIZER

# Nobody serves this queue, so that all of a task waits.
QUEUE = "nobody_serves_this"
PLAN: tuple[Role, ...] = ("ground", "segment")


@pytest.fixture
def chain(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskChain]:
    monkeypatch.setattr(keys, "QUEUES", dict.fromkeys(keys.QUEUES, QUEUE))
    monkeypatch.setattr(keys, "QUEUE_NAMES", (QUEUE,))
    with redis.Redis.from_url(stack.redis_url) as connection:
        yield TaskChain(connection, TaskStore(connection), Settings())


def submitted(chain: TaskChain) -> str:
    """Submit a task and return the id of its first job."""
    task = NewTask("segment", PLAN, SegmentRequest(text_prompt="cat"), "cat")
    chain.submit(task)
    return keys.job_id(task.id, PLAN[0])


def remains(chain: TaskChain, job_id: str) -> set[str]:
    """Return the keys and lists of RQ that still name a task."""
    task_id = job_id.partition("-")[0]
    found = {key.decode() for key in chain.connection.scan_iter(f"rq:*{task_id}*")}
    waiting = cast(list[bytes], chain.connection.lrange(keys.waiting_key(QUEUE), 0, -1))
    return found | {each.decode() for each in waiting if task_id.encode() in each}


def test_nothing_is_left_of_a_task_that_waits(chain: TaskChain) -> None:
    job_id = submitted(chain)
    assert remains(chain, job_id)
    chain.withdraw(job_id.partition("-")[0])
    assert remains(chain, job_id) == set()


@pytest.mark.parametrize("state", ["started", "finished", "failed"])
def test_a_job_whose_execution_has_expired_stands_in_nobodys_way(
    chain: TaskChain, state: str
) -> None:
    job_id = submitted(chain)
    # What a worker leaves that took the job while it was read: an execution that is gone already.
    chain.connection.zadd(f"rq:executions:{job_id}", {"gone": 2e10})
    chain.withdraw(job_id.partition("-")[0])
    chain.connection.hset(keys.job_key(job_id), "status", state)
    chain.withdraw(job_id.partition("-")[0])
    chain.connection.delete(keys.job_key(job_id), f"rq:executions:{job_id}")
    assert remains(chain, job_id) == set()


def test_a_job_that_a_worker_has_taken_is_left_to_it(chain: TaskChain) -> None:
    job_id = submitted(chain)
    limbo = f"rq:intermediate:{QUEUE}"
    chain.connection.lmove(keys.waiting_key(QUEUE), limbo)
    chain.withdraw(job_id.partition("-")[0])
    job = Job.fetch(job_id, connection=chain.connection, serializer=SERIALIZER)
    assert job.dependent_ids == []
    assert not chain.connection.exists(keys.job_key(job_id.replace("ground", "segment")))
    chain.connection.delete(keys.job_key(job_id), keys.dependents_key(job_id), limbo)
    assert remains(chain, job_id) == set()


def test_many_may_withdraw_and_take_the_same_tasks(chain: TaskChain) -> None:
    job_ids = [submitted(chain) for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        for job_id in job_ids:
            for _ in range(4):
                pool.submit(chain.withdraw, job_id.partition("-")[0]).add_done_callback(
                    lambda done: done.result()
                )
        done = [pool.submit(chain.withdraw, each.partition("-")[0]) for each in job_ids]
    assert [each.result() for each in done] == [None] * 40
    assert set().union(*(remains(chain, each) for each in job_ids)) == set()


def test_tasks_may_be_cancelled_at_any_moment(stack: EmbeddedStack, client: EdgeSegClient) -> None:
    def submit_and_cancel(number: int) -> str:
        made = client.send(
            "POST", "/simplify", data={"text_prompt": f"cat {number}"},
            headers={"Prefer": "respond-async"},
        )  # fmt: skip
        return client.cancel(made.json()["task_id"]).status

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(submit_and_cancel, range(100)))
    assert statuses <= {"cancelled", "done"}
