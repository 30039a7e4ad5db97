"""What breaks: workers killed, the backend restarted, Redis away, a stage nobody serves."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any

import httpx
import pytest
from redis import Redis

from edgeseg.client import EdgeSegClient
from edgeseg.errors import (
    CancelledError,
    InvalidImageError,
    NoWorkerError,
    QueueUnavailableError,
    RequestTimeoutError,
    StageFailedError,
    WorkerLostError,
)
from edgeseg.schemas import StageEvent
from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import connect, keys, make_queue

LATENCY_S = 1.0
RECOVERY_S = 10.0
MakeImage = Callable[..., bytes]
StackMaker = Callable[..., Any]


@contextmanager
def kept_alive(stack: EmbeddedStack) -> Iterator[None]:
    """Restart what dies, as ``edgeseg up`` does."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            stack.watch()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def until_started(client: EdgeSegClient, task_id: str, stage: str, after: str = "0") -> StageEvent:
    """Wait until a worker has begun this stage, after the event with this id."""
    return next(
        each
        for each in client.events(task_id, after)
        if (each.type, each.stage) == ("started", stage)
    )


def worker_of(stack: EmbeddedStack, task_id: str, but_not: Collection[int] = ()) -> int:
    """Return the process that works at a task now; a dead one is listed for a while."""
    with Redis.from_url(stack.redis_url, decode_responses=True) as connection:
        workers = [connection.hgetall(key) for key in connection.scan_iter("rq:worker:*")]
    return next(
        int(worker["pid"])
        for worker in workers
        if worker.get("current_job", "").startswith(task_id) and int(worker["pid"]) not in but_not
    )


def wait_until(condition: Callable[[], bool], timeout_s: float = 15.0) -> float:
    """Wait until something holds and return the seconds it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout_s, "it never came true"
        time.sleep(0.02)
    return time.monotonic() - started


def is_healthy(stack: EmbeddedStack) -> bool:
    """Whether /health says that a request could succeed."""
    try:
        return httpx.get(f"{stack.api_url}/health", timeout=2.0).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("spare", [True, False], ids=["another worker", "restarted worker"])
def test_a_killed_worker_loses_no_task(
    make_stack: StackMaker, make_image: MakeImage, spare: bool
) -> None:
    with (
        make_stack({"detect": 2 if spare else 1}, fake_latency_s=LATENCY_S) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        task_id = client.submit(make_image(1), "cat . dog .")
        until_started(client, task_id, "detect")
        os.kill(worker_of(stack, task_id), signal.SIGKILL)
        killed = time.monotonic()
        with nullcontext() if spare else kept_alive(stack):
            events = list(client.events(task_id))
        # Its own work: what was lost of the detection is done again, then the segmentation.
        assert time.monotonic() - killed < RECOVERY_S + 2 * LATENCY_S
        assert events[-1].type == "done"
        assert [each.data for each in events if each.type == "queued"][1:] == [
            {"reason": "worker_lost"}
        ]
        status = client.task(task_id)
        assert status.result is not None
        assert len(status.result.objects) == 2  # type: ignore[union-attr]


def test_a_clock_that_is_set_back_keeps_no_lost_task(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with (
        make_stack(fake_latency_s=LATENCY_S, heartbeat_s=0.4, heartbeat_ttl_s=1) as stack,
        EdgeSegClient(stack.api_url) as client,
        Redis.from_url(stack.redis_url) as redis,
    ):
        task_id = client.submit(make_image(16), "cat", simplify="never")
        until_started(client, task_id, "detect")
        os.kill(worker_of(stack, task_id), signal.SIGKILL)
        assert stack.child("detect-1").wait(5.0)
        # Its last heartbeat was noted by a clock that was an hour ahead.
        running = keys.started_key("grounding_dino_queue")
        for job in redis.zrange(running, 0, -1):
            redis.zincrby(running, 3600, job)
        with kept_alive(stack):
            wait_until(lambda: client.task(task_id).status == "done", timeout_s=30.0)


def test_a_task_that_kills_its_workers_fails_and_the_queue_goes_on(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with (
        make_stack(fake_latency_s=LATENCY_S, heartbeat_s=0.4, heartbeat_ttl_s=2) as stack,
        EdgeSegClient(stack.api_url) as client,
        kept_alive(stack),
        ThreadPoolExecutor(1) as pool,
    ):
        poison = client.submit(make_image(2), "poison")
        last, killed = "0", list[int]()
        for _ in range(3):
            last = until_started(client, poison, "detect", last).id
            killed.append(worker_of(stack, poison, but_not=killed))
            os.kill(killed[-1], signal.SIGKILL)
            behind = pool.submit(client.segment_image, make_image(3), "cat")
        assert list(client.events(poison, last))[-1].type == "failed"
        status = client.task(poison)
        assert status.status == "failed"
        assert status.error is not None
        assert status.error["code"] == WorkerLostError.code
        assert status.error["stage"] == "detect"
        assert len(behind.result().objects) == 1
        wait_until(lambda: bool(client.queue_status()["grounding_dino_queue"]["failed"] == 1))
        assert client.queue_status()["sam2_queue"]["waiting"] == 0


def test_a_broken_image_ends_the_task_and_its_chain(
    client: EdgeSegClient, make_image: MakeImage
) -> None:
    whole = make_image(5, (640, 480))
    with pytest.raises(InvalidImageError) as caught:
        client.segment_image(whole[: len(whole) // 2], "cat")
    task_id = str(caught.value.extra["task_id"])
    assert list(client.events(task_id))[-1].type == "failed"
    status = client.task(task_id)
    assert status.status == "failed"
    assert status.error is not None
    assert status.error["code"] == InvalidImageError.code
    assert all(queue["waiting"] == 0 for queue in client.queue_status().values())
    # Who does not wait is told before the task is accepted.
    with pytest.raises(InvalidImageError) as caught:
        client.submit(whole[: len(whole) // 2], "cat")
    assert "task_id" not in caught.value.extra


def test_a_worker_told_to_stop_finishes_its_task(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with (
        make_stack(fake_latency_s=LATENCY_S) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        task_id = client.submit(make_image(6), "cat")
        until_started(client, task_id, "detect")
        child = stack.child("detect-1")
        child.send(signal.SIGTERM)
        events = list(client.events(task_id))
        assert events[-1].type == "done"
        assert sum(each.type == "queued" for each in events) == 1
        assert child.wait(5.0)
        # Nobody serves this stage now: said at once, not after a time-out.
        started = time.monotonic()
        with pytest.raises(NoWorkerError) as caught:
            client.segment_image(make_image(7), "cat")
        assert time.monotonic() - started < 1.0
        assert caught.value.extra["missing"] == ["grounding_dino_queue"]
        with pytest.raises(NoWorkerError):
            client.health()
        assert client.simplify("cat . dog .").phrases == ["cat", "dog"]
        child.start()
        wait_until(lambda: is_healthy(stack))
        assert len(client.segment_image(make_image(7), "cat").objects) == 1


def test_a_stage_that_takes_too_long_fails_its_task(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with (
        make_stack(fake_latency_s=2.5, stage_timeout_s=1) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        with pytest.raises(StageFailedError, match="longer than is allowed") as caught:
            client.segment_image(make_image(11), "cat")
        assert caught.value.extra["stage"] == "simplify"
        wait_until(lambda: bool(client.queue_status()["simplifier_queue"]["failed"] == 1))
        assert client.queue_status()["grounding_dino_queue"]["waiting"] == 0
        task_id = str(caught.value.extra["task_id"])
        assert [each.type for each in client.events(task_id)] == ["queued", "started", "failed"]


def test_a_task_outlives_the_request_that_waits_too_short(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with (
        make_stack(fake_latency_s=LATENCY_S, request_timeout_s=0.5) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        with pytest.raises(RequestTimeoutError) as caught:
            client.segment_image(make_image(13), "cat")
        assert caught.value.status == 504
        task_id = str(caught.value.extra["task_id"])
        assert list(client.events(task_id))[-1].type == "done"
        assert client.task(task_id).status == "done"


def test_a_job_lost_between_queue_and_worker_is_found_again(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with make_stack() as stack, EdgeSegClient(stack.api_url) as client:
        redis = connect(Settings(redis_url=stack.redis_url))
        queue = make_queue("simplifier_queue", redis)
        simplifier = stack.child("simplify-1")
        simplifier.send(signal.SIGSTOP)
        task_id = client.submit(make_image(12), "cat")
        # A worker takes the job off the queue and dies before it says so.
        if redis.lmove(queue.key, queue.intermediate_queue_key) is None:
            assert redis.llen(queue.intermediate_queue_key) == 1
        simplifier.send(signal.SIGKILL)
        assert simplifier.wait(5.0)
        lost = time.monotonic()
        simplifier.start()
        assert list(client.events(task_id))[-1].type == "done"
        assert time.monotonic() - lost < RECOVERY_S
        redis.close()


def test_the_backend_may_restart_during_a_task(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with (
        make_stack(fake_latency_s=LATENCY_S) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        task_id = client.submit(make_image(8), "cat . dog .")
        until_started(client, task_id, "simplify")
        backend = stack.child("backend")
        backend.send(signal.SIGKILL)
        assert backend.wait(5.0)
        with kept_alive(stack):
            wait_until(lambda: is_healthy(stack))
            events = list(client.events(task_id))
            assert events[-1].type == "done"
            assert client.task(task_id).status == "done"


def test_without_redis_everything_says_so_and_recovers(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with make_stack() as stack, EdgeSegClient(stack.api_url) as client:
        redis = stack.child("redis")
        redis.send(signal.SIGKILL)
        assert redis.wait(5.0)
        # A probe is answered by a view of the last quarter of a second.
        wait_until(lambda: not is_healthy(stack), 2.0)
        started = time.monotonic()
        answer = httpx.get(f"{stack.api_url}/health")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["missing"] == ["redis"]
        for request in (
            lambda: client.segment_image(make_image(9), "cat"),
            lambda: client.simplify("cat"),
            lambda: client.task("0" * 32),
            lambda: client.queue_status(),
        ):
            with pytest.raises(QueueUnavailableError):
                request()
        assert time.monotonic() - started < 3.0
        assert httpx.get(f"{stack.api_url}/livez").status_code == 200
        assert "edgeseg_redis_up 0.0" in httpx.get(f"{stack.api_url}/metrics").text
        redis.start()
        assert wait_until(lambda: is_healthy(stack)) < RECOVERY_S
        assert len(client.segment_image(make_image(9), "cat").objects) == 1


def test_who_waits_while_redis_loses_its_memory_is_told(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with (
        make_stack(fake_latency_s=LATENCY_S) as stack,
        EdgeSegClient(stack.api_url) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(client.segment_image, make_image(15), "cat")
        wait_until(lambda: bool(client.queue_status()["simplifier_queue"]["running"]))
        redis = stack.child("redis")
        redis.send(signal.SIGKILL)
        assert redis.wait(5.0)
        redis.start()
        with pytest.raises(QueueUnavailableError):
            waiting.result(timeout=RECOVERY_S)
        wait_until(lambda: is_healthy(stack))
        assert len(client.segment_image(make_image(15), "cat").objects) == 1


def test_two_stacks_share_a_redis_that_is_named(
    stack: EmbeddedStack, make_stack: StackMaker, client: EdgeSegClient, make_image: MakeImage
) -> None:
    with make_stack(redis_url=stack.redis_url) as other, EdgeSegClient(other.api_url) as second:
        assert second.health()["workers"]["grounding_dino_queue"] == 2
        with pytest.raises(StopIteration):
            other.child("redis")
        task_id = second.submit(make_image(14), "cat")
        assert list(client.events(task_id))[-1].type == "done"
    wait_until(lambda: client.health()["workers"]["grounding_dino_queue"] == 1)


def test_a_cancelled_task_stops_where_it_is(make_stack: StackMaker, make_image: MakeImage) -> None:
    with (
        make_stack(fake_latency_s=LATENCY_S) as stack,
        EdgeSegClient(stack.api_url) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        task_id = client.submit(make_image(10), "cat", idempotency_key="waits")
        waiting = pool.submit(client.segment_image, make_image(10), "cat", idempotency_key="waits")
        until_started(client, task_id, "detect")
        assert client.cancel(task_id).status == "cancelled"
        with pytest.raises(CancelledError):
            waiting.result(timeout=5.0)
        assert list(client.events(task_id))[-1].type == "cancelled"
        time.sleep(1.5 * LATENCY_S)
        assert client.task(task_id).status == "cancelled"
        assert client.task(task_id).result is None
        assert client.cancel(task_id).status == "cancelled"
        assert all(queue["waiting"] == 0 for queue in client.queue_status().values())


def test_a_redis_that_hangs_holds_nobody_up_and_is_found_again(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with (
        make_stack() as stack,
        EdgeSegClient(stack.api_url) as client,
        ThreadPoolExecutor(20) as pool,
    ):
        assert client.segment_image(make_image(17), "cat").objects
        stack.child("redis").send(signal.SIGSTOP)
        try:
            asked = [pool.submit(client.segment_image, make_image(17), "cat") for _ in range(20)]
            started = time.monotonic()
            with pytest.raises(QueueUnavailableError):
                client.health()
            for each in asked:
                with pytest.raises(QueueUnavailableError):
                    each.result(timeout=10.0)
            assert time.monotonic() - started < 10.0
        finally:
            stack.child("redis").send(signal.SIGCONT)
        wait_until(lambda: is_healthy(stack), timeout_s=RECOVERY_S)
        assert client.segment_image(make_image(17), "cat").objects
