"""The task of a client that leaves is cancelled, unless the client may come back for it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from redis import Redis

from edgeseg.client import EdgeSegClient
from edgeseg.schemas import FINAL_STATES
from edgeseg.stack.local import EmbeddedStack
from tests.services.conftest import StackMaker
from tests.services.crowd import request_of

MakeImage = Callable[..., bytes]


def leave(stack: EmbeddedStack, request: bytes) -> str:
    """Send a request, close the connection once its task is queued, and return the task's id."""
    where = urlsplit(stack.api_url)
    with Redis.from_url(stack.redis_url, decode_responses=True) as redis:
        with socket.create_connection((where.hostname, where.port)) as connection:
            connection.sendall(request)
            until = time.monotonic() + 30
            while not (found := list(redis.scan_iter("edgeseg:task:*:events"))):
                assert time.monotonic() < until
                time.sleep(0.02)
        return str(found[0].split(":")[2])


def end_of(client: EdgeSegClient, task_id: str) -> str:
    """Return how a task ended."""
    until = time.monotonic() + 30
    while (status := client.task(task_id).status) not in FINAL_STATES:
        assert time.monotonic() < until
        time.sleep(0.05)
    return status


@pytest.mark.parametrize(
    ("header", "end"),
    [("", "cancelled"), ("Idempotency-Key: 1\r\n", "done"), ("Prefer: respond-async\r\n", "done")],
    ids=["waits", "with a key", "respond-async"],
)
def test_what_becomes_of_the_task_of_a_client_that_leaves(
    make_stack: StackMaker, make_image: MakeImage, header: str, end: str
) -> None:
    with make_stack(fake_latency_s=0.5) as stack, EdgeSegClient(stack.api_url) as client:
        request = request_of(stack.api_url, make_image(1), {"text_prompt": "cat"})
        task_id = leave(stack, request.replace(b"\r\n", f"\r\n{header}".encode(), 1))
        assert end_of(client, task_id) == end
        stages = [each.stage for each in client.events(task_id) if each.type == "started"]
        assert ("segment" in stages) == (end == "done")
        queues = client.queue_status().values()
        assert all(queue["waiting"] == 0 for queue in queues)
