"""An idempotency key has one owner, also when the one before is gone or a clock is set back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import redis

from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import Claim, TaskStore, keys
from edgeseg.tasks import store as store_module

CLIENTS = 8
NAME = keys.idempotency_key("key")


@pytest.fixture
def connection(stack: EmbeddedStack) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(stack.redis_url) as made:
        yield made
        made.delete(NAME)


@pytest.mark.parametrize("is_written", [True, False], ids=["expired", "never written"])
def test_one_takes_over_a_key_whose_owner_is_gone(
    connection: redis.Redis, monkeypatch: pytest.MonkeyPatch, is_written: bool
) -> None:
    monkeypatch.setattr(store_module, "CLAIM_WAIT_S", 0.2)
    store = TaskStore(connection)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for turn in range(5):
            gone = Claim("key", "same", "gone").value(is_written=is_written)
            connection.set(NAME, gone)
            at_once = Barrier(CLIENTS)

            def claim(number: int, turn: int = turn, at_once: Barrier = at_once) -> str:
                task_id = f"{turn} {number}"
                at_once.wait()
                earlier = store.claim(Claim("key", "same", task_id))
                if earlier is None:
                    connection.hset(keys.task_key(task_id), "status", "queued")
                return earlier or task_id

            owners = set(pool.map(claim, range(CLIENTS)))
            assert len(owners) == 1
            connection.delete(keys.task_key(owners.pop()))


def test_a_clock_that_is_set_back_holds_nobody_up(
    connection: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "CLAIM_WAIT_S", 0.2)
    store = TaskStore(connection)
    # Its owner died before the task was written, on a machine whose clock is a day ahead.
    claim = {**json.loads(Claim("key", "same", "gone").value(is_written=False))}
    connection.set(NAME, json.dumps({**claim, "at": time.time() + 24 * 3600}))
    with ThreadPoolExecutor(1) as pool:
        claimed = pool.submit(store.claim, Claim("key", "same", "mine"))
        try:
            assert claimed.result(timeout=10.0) is None
        finally:
            connection.delete(NAME)


def test_a_key_that_another_has_taken_over_is_not_given_back(connection: redis.Redis) -> None:
    store = TaskStore(connection)
    mine, other = Claim("key", "same", "mine"), Claim("key", "same", "other")
    assert store.claim(mine) is None
    connection.set(NAME, other.value(is_written=False))
    store.release(mine)
    assert connection.get(NAME) == other.value(is_written=False).encode()
    store.release(other)
    assert connection.get(NAME) is None
