"""Nothing of a task outlives it in Redis: no failed job, no idempotency key; and no id is shown."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from redis import Redis

from edgeseg.client import EdgeSegClient
from edgeseg.errors import UnknownTaskError
from edgeseg.tasks import keys

TTL_S = 2
MakeImage = Callable[..., bytes]
StackMaker = Callable[..., Any]


def test_all_of_a_task_expires_together(make_stack: StackMaker, make_image: MakeImage) -> None:
    with (
        make_stack(task_ttl_s=TTL_S, fake_latency_s=0.3) as stack,
        EdgeSegClient(stack.api_url) as client,
        Redis.from_url(stack.redis_url, decode_responses=True) as redis,
    ):
        failing = client.submit(make_image(1), "cat", idempotency_key="fails")
        # A record that no worker can read fails in the worker.
        redis.hset(keys.task_key(failing), "request", "{}")
        assert list(client.events(failing))[-1].type == "failed"
        done = client.submit(make_image(2), "cat", idempotency_key="works")
        assert list(client.events(done))[-1].type == "done"
        assert redis.exists(keys.idempotency_key("works"))
        assert client.task_image(done) == make_image(2)
        until = time.monotonic() + TTL_S + 10
        while left := left_of(redis, failing, "fails") + left_of(redis, done, "works"):
            assert time.monotonic() < until, left
            time.sleep(0.1)
        assert not redis.exists(keys.idempotency_key("works"))
        with pytest.raises(UnknownTaskError):
            client.task_image(done)
        # The key is free: the request is a new one.
        again = client.submit(make_image(2), "cat", idempotency_key="works")
        assert again != done
        assert list(client.events(again))[-1].type == "done"


def left_of(redis: Any, task_id: str, key: str) -> list[str]:
    """Return what Redis still holds of a failed task."""
    found = [each for each in redis.scan_iter() if task_id in each]
    for queue in keys.QUEUE_NAMES:
        found += [each for each in redis.zrange(keys.failed_key(queue), 0, -1) if task_id in each]
    return found + [each for each in (keys.idempotency_key(key),) if redis.exists(each)]


def test_the_queues_show_no_ids_of_tasks(make_stack: StackMaker, make_image: MakeImage) -> None:
    with make_stack(fake_latency_s=1.0) as stack, EdgeSegClient(stack.api_url) as client:
        task_id = client.submit(make_image(3), "cat")
        until = time.monotonic() + 10
        while not any(queue["running"] for queue in client.queue_status().values()):
            assert time.monotonic() < until
        for path in ("/queue-status", "/health", "/metrics", "/", "/engines"):
            assert task_id not in httpx.get(f"{stack.api_url}{path}").text, path
        client.cancel(task_id)
