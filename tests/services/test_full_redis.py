"""A full Redis is told as 503 queue_full wherever it is noticed; workers stay, all recovers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from redis import Redis

from edgeseg.client import EdgeSegClient
from edgeseg.errors import QueueFullError, QueueUnavailableError
from edgeseg.result import Segmentation
from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import keys
from tests.services.conftest import StackMaker

MakeImage = Callable[..., bytes]
HEARTBEAT_TTL_S = 1


@contextmanager
def full(stack: EmbeddedStack) -> Iterator[None]:
    """Leave Redis no memory for anything new."""
    with Redis.from_url(stack.redis_url) as redis:
        redis.config_set("maxmemory", "1")
        try:
            yield
        finally:
            redis.config_set("maxmemory", "0")


def until_running(client: EdgeSegClient, queue: str, count: int) -> None:
    """Wait until so many jobs of a queue run."""
    until = time.monotonic() + 30
    while client.queue_status()[queue]["running"] != count:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_task_that_runs_when_redis_fills_is_not_lost(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    settings = {"heartbeat_s": 0.2, "heartbeat_ttl_s": HEARTBEAT_TTL_S}
    with (
        make_stack(fake_latency_s=0.5, **settings) as stack,
        EdgeSegClient(stack.api_url) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        for seed, queue in enumerate(keys.QUEUE_NAMES):
            running = pool.submit(outcome, client, make_image(seed))
            until_running(client, queue, 1)
            with full(stack):
                for path in ("/health", "/queue-status", "/metrics"):
                    assert httpx.get(f"{stack.api_url}{path}").status_code == 200
                with pytest.raises(QueueFullError):
                    client.segment_image(make_image(9), "cat")
                with pytest.raises(QueueFullError):
                    client.simplify("cat", {"simplify": "fake"})
                time.sleep(HEARTBEAT_TTL_S + 0.3)
                workers = client.health()["workers"]
                assert all(count == 1 for count in workers.values()), workers
            # It may have waited for room; it has not failed for a reason of its own.
            assert running.result(timeout=30) in {"done", QueueFullError.code}
            assert len(client.segment_image(make_image(10), "cat").objects) == 1


def outcome(client: EdgeSegClient, image: bytes) -> str:
    """Return done, or the code of the error."""
    try:
        client.segment_image(image, "cat", visualization=True)
    except (QueueFullError, QueueUnavailableError) as error:
        return error.code
    return "done"


def test_refining_in_a_full_redis_is_told_so(make_stack: StackMaker, make_image: MakeImage) -> None:
    with make_stack(fake_latency_s=0.7) as stack, EdgeSegClient(stack.api_url) as client:
        found = client.segment_image(make_image(4), "cat")
        box = found.objects[0].box
        until_running(client, "sam2_queue", 0)
        with ThreadPoolExecutor(1) as pool:
            refined = pool.submit(refine, client, found, box)
            until_running(client, "sam2_queue", 1)
            with full(stack):
                with pytest.raises(QueueFullError):
                    refined.result(timeout=20)
                with pytest.raises(QueueFullError):
                    refine(client, found, box)
        assert refine(client, found, box).objects


def refine(client: EdgeSegClient, found: Segmentation, box: object) -> Segmentation:
    """Correct the first object by its own box."""
    return client.refine(found, object_id=0, box=box)


def test_the_embedded_redis_has_a_limit(stack: EmbeddedStack) -> None:
    with Redis.from_url(stack.redis_url) as redis:
        assert redis.config_get("maxmemory") == {"maxmemory": str(1024**3)}
        assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_full_redis_says_so_before_the_body_is_read(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with make_stack(redis_maxmemory="16mb") as stack, EdgeSegClient(stack.api_url) as client:
        codes = []
        for seed in range(16):
            try:
                client.segment_image(make_image(seed, (700, 500)), "cat")
                codes.append("")
            except QueueFullError as error:
                codes.append(error.code)
        assert codes[0] == ""
        assert codes[-1] == QueueFullError.code
        assert client.health()
        with Redis.from_url(stack.redis_url, decode_responses=True) as redis:
            used = redis.info("memory")["used_memory"]
            assert used < 16 * 1024**2
