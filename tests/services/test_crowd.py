"""A crowd of clients is answered or told queue_full, never that Redis is away."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest
from redis import BlockingConnectionPool, ConnectionPool, Redis

from edgeseg.client import EdgeSegClient
from edgeseg.errors import QueueFullError
from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import redis_errors
from tests.services.conftest import StackMaker
from tests.services.crowd import ask_all, probe_while, request_of

MakeImage = Callable[..., bytes]
FIELDS = {"text_prompt": "cat", "visualization": "false"}


def test_more_clients_than_connections_are_all_answered(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with make_stack(max_concurrent_requests=150) as stack:
        request = request_of(stack.api_url, make_image(1), FIELDS)
        answers, probes = probe_while(stack.api_url, [request] * 150)
        assert Counter((each.status, each.code) for each in answers) == {(200, ""): 150}
        assert {each.status for each in probes} == {200}


def test_too_many_clients_are_told_so_at_once(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with make_stack(max_concurrent_requests=10, fake_latency_s=0.2) as stack:
        request = request_of(stack.api_url, make_image(2), FIELDS)
        answers, probes = probe_while(stack.api_url, [request] * 300)
        kinds = Counter((each.status, each.code) for each in answers)
        assert set(kinds) == {(200, ""), (503, "queue_full")}
        assert kinds[200, ""] >= 10
        refused = [each for each in answers if each.code]
        assert all(int(each.retry_after) >= 1 for each in refused)
        assert {each.status for each in probes} == {200}
        # The answers take their time; the refusals do not wait for them.
        assert max(each.seconds for each in refused) < max(each.seconds for each in answers)
        assert [each.status for each in ask_all(stack.api_url, [request] * 3)] == [200] * 3


def test_workers_give_way_to_the_api(make_stack: StackMaker) -> None:
    with make_stack(worker_niceness=Settings().worker_niceness) as stack:
        niceness = {
            name: os.getpriority(os.PRIO_PROCESS, stack.child(name).pid)
            for name in ("backend", "redis", "segment-1")
        }
        assert niceness["segment-1"] > niceness["backend"] == niceness["redis"]


def test_a_request_is_refused_before_its_body_is_read(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with (
        make_stack(max_waiting_tasks=1, fake_latency_s=1.0) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        tasks = fill_queue(client, make_image)
        head = request_of(stack.api_url, make_image(5), FIELDS).partition(b"\r\n\r\n")[0]
        (answer,) = ask_all(stack.api_url, [head + b"\r\n\r\n"])
        assert (answer.status, answer.code) == (503, "queue_full")
        metrics = httpx.get(f"{stack.api_url}/metrics").text
        assert 'edgeseg_requests_total{route="/segment",status="503"} 1.0' in metrics
        assert 'edgeseg_errors_total{code="queue_full"} 1.0' in metrics
        for task in tasks:
            client.cancel(task)
        assert client.task(client.submit(make_image(6), "cat")).status in {"queued", "running"}


def test_the_bytes_that_wait_are_counted(make_stack: StackMaker, make_image: MakeImage) -> None:
    with (
        make_stack(max_waiting_bytes=1000, fake_latency_s=1.0) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        tasks = fill_queue(client, make_image)
        with pytest.raises(QueueFullError) as refused:
            client.submit(make_image(5), "cat", simplify="never")
        assert refused.value.extra["limit_bytes"] == 1000
        client.cancel(tasks[1])
        # One may always wait, whatever its size.
        client.submit(make_image(5), "cat", simplify="never")


def fill_queue(client: EdgeSegClient, make_image: MakeImage) -> list[str]:
    """Submit a task that runs and one that waits."""
    running = client.submit(make_image(3), "cat", simplify="never")
    until = time.monotonic() + 30
    while client.task(running).status != "running":
        assert time.monotonic() < until
        time.sleep(0.02)
    return [running, client.submit(make_image(4), "cat", simplify="never")]


@pytest.mark.parametrize("pool", [BlockingConnectionPool, ConnectionPool])
def test_a_pool_that_is_used_up_is_no_outage(
    stack: EmbeddedStack, pool: type[ConnectionPool]
) -> None:
    waits = {"timeout": 0.05} if pool is BlockingConnectionPool else {}
    with Redis.from_pool(pool.from_url(stack.redis_url, max_connections=1, **waits)) as redis:
        held = redis.connection_pool.get_connection()
        with pytest.raises(QueueFullError), redis_errors():
            redis.ping()
        redis.connection_pool.release(held)
        assert redis.ping()
