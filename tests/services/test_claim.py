"""An idempotency key has one owner, also when many find that the one before is gone."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import redis

from edgeseg.cli.embedded import EmbeddedStack
from edgeseg.tasks import TaskStore, keys

CLIENTS = 8


def test_one_takes_over_a_key_whose_owner_is_gone(stack: EmbeddedStack) -> None:
    connection = redis.Redis.from_url(stack.redis_url)
    store = TaskStore(connection)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for turn in range(10):
            key = f"abandoned {turn}"
            gone = {"task": "gone", "fingerprint": "same", "at": time.time() - 60}
            connection.set(keys.idempotency_key(key), json.dumps(gone))
            at_once = Barrier(CLIENTS)

            def claim(number: int, key: str = key, at_once: Barrier = at_once) -> str:
                task_id = f"{key} {number}"
                at_once.wait()
                earlier = store.claim(key, "same", task_id)
                if earlier is None:
                    connection.hset(keys.task_key(task_id), "status", "queued")
                return earlier or task_id

            owners = set(pool.map(claim, range(CLIENTS)))
            assert len(owners) == 1
            connection.delete(keys.idempotency_key(key), keys.task_key(owners.pop()))
    connection.close()
