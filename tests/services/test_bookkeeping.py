"""What RQ notes of jobs is written in few commands, and is what its recovery reads."""

from __future__ import annotations

from typing import cast

from redis import Redis
from rq.job import Job
from rq.registry import StartedJobRegistry

from edgeseg.schemas import SegmentRequest
from edgeseg.tasks import Bookkeeping, NewTask, TaskChain, keys
from edgeseg.tasks.queue import SERIALIZER
from tests.services.test_withdraw import PLAN, QUEUE, chain, remains

__all__ = ["chain"]
WORKER = "rq:worker:tester"


def submitted(chain: TaskChain, is_large: bool = False) -> tuple[Job, Job]:
    """Submit a task of two stages, take its first job, and return both."""
    task = NewTask("segment", PLAN, SegmentRequest(text_prompt="cat"), "cat", is_large=is_large)
    chain.submit(task)
    chain.connection.lmove(keys.waiting_key(QUEUE), keys.intermediate_key(QUEUE))
    first, second = (
        Job.fetch(keys.job_id(task.id, stage), connection=chain.connection, serializer=SERIALIZER)
        for stage in PLAN
    )
    return first, second


def ids(connection: Redis, key: str) -> list[str]:
    return [each.decode() for each in cast(list[bytes], connection.lrange(key, 0, -1))]


def test_a_job_that_starts_is_in_the_hands_of_its_worker(chain: TaskChain) -> None:
    redis = chain.connection
    books = Bookkeeping(redis, "tester", WORKER, ttl_s=6)
    job, _ = submitted(chain)
    (execution,) = books.start([job])
    assert job.get_status() == "started"
    assert ids(redis, keys.intermediate_key(QUEUE)) == []
    running = StartedJobRegistry(QUEUE, connection=redis, serializer=SERIALIZER)
    assert running.get_job_and_execution_ids(cleanup=False) == [(job.id, execution.id)]
    assert redis.hmget(WORKER, "state", "current_job") == [b"busy", job.id.encode()]
    # RQ gives a job up whose execution has expired.
    assert 0 < redis.ttl(execution.key) <= 6
    books.end(QUEUE, [execution], "idle")
    chain.withdraw(job.id.partition("-")[0])
    redis.delete(WORKER)


def test_a_job_that_ends_makes_way_for_the_next_and_leaves_nothing(chain: TaskChain) -> None:
    redis = chain.connection
    books = Bookkeeping(redis, "tester", WORKER, ttl_s=6)
    large, after_large = submitted(chain, is_large=True)
    small, after_small = submitted(chain)
    for job, state in ((large, "busy"), (small, "idle")):
        (execution,) = books.start([job])
        books.end(QUEUE, [execution], state)
        assert redis.hmget(WORKER, "state", "current_job") == [state.encode(), None]
        assert not redis.keys(f"rq:*{job.id}*")
    # The one that follows a large task waits behind others.
    assert ids(redis, keys.waiting_key(QUEUE)) == [after_small.id, after_large.id]
    assert redis.zcard(keys.started_key(QUEUE)) == 0
    for job in (after_large, after_small):
        assert job.get_status() == "queued"
        redis.lrem(keys.waiting_key(QUEUE), 0, job.id)
        (execution,) = books.start([job])
        books.end(QUEUE, [execution], "idle")
        assert remains(chain, job.id) == set()
    redis.delete(WORKER)


def test_a_job_that_was_withdrawn_while_it_was_taken_is_not_brought_back(chain: TaskChain) -> None:
    books = Bookkeeping(chain.connection, "tester", WORKER, ttl_s=6)
    job, _ = submitted(chain)
    chain.withdraw(job.id.partition("-")[0])
    chain.connection.delete(job.key)
    (execution,) = books.start([job])
    assert not chain.connection.exists(job.key)
    books.end(QUEUE, [execution], "idle")
    assert remains(chain, job.id) == set()
    chain.connection.delete(WORKER)


def test_jobs_of_a_batch_end_at_once(chain: TaskChain) -> None:
    redis = chain.connection
    books = Bookkeeping(redis, "tester", WORKER, ttl_s=6)
    pairs = [submitted(chain) for _ in range(3)]
    executions = books.start([first for first, _ in pairs])
    assert redis.zcard(keys.started_key(QUEUE)) == 3
    books.end(QUEUE, executions, "idle")
    assert redis.zcard(keys.started_key(QUEUE)) == 0
    assert ids(redis, keys.waiting_key(QUEUE)) == [second.id for _, second in pairs]
    for _, second in pairs:
        chain.withdraw(second.id.partition("-")[0])
        assert remains(chain, second.id) == set()
    redis.delete(WORKER)
