"""Images announced to the workers that will need them, so that they decode while they wait."""

from __future__ import annotations

import json
from typing import cast

import redis
from redis.client import Pipeline

from edgeseg.tasks import keys
from edgeseg.tasks.record import ImageRef, NewTask

_KEEP_S = 5
# What is decoded too early only drives other images from the cache.
MAX_ANNOUNCED = 2

# Only an idle worker has time for it, and among several nobody knows which one will get the job.
_ANNOUNCE = """
local idle = redis.call('LLEN', KEYS[2]) == 0 and redis.call('ZCARD', KEYS[3]) == 0
if not idle or redis.call('SCARD', KEYS[1]) ~= 1 then return 0 end
redis.call('RPUSH', KEYS[4], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[4], ARGV[1])
return 1
"""


def announce(task: NewTask, pipe: Pipeline) -> None:
    """Queue the commands that tell the later stages' workers of a task's images."""
    if not task.images:
        return
    refs = [json.dumps(vars(image)) for image in task.images[:MAX_ANNOUNCED]]
    for queue in dict.fromkeys(keys.QUEUES[stage] for stage in task.plan[1:]):
        names = [
            keys.workers_key(queue),
            keys.waiting_key(queue),
            keys.started_key(queue),
            keys.prefetch_key(queue),
        ]
        pipe.eval(_ANNOUNCE, len(names), *names, _KEEP_S, *refs)


def next_image(connection: redis.Redis, queue: str, timeout_s: float) -> ImageRef | None:
    """Wait for an image that was announced to a queue; None when time is up."""
    entry = connection.blpop([keys.prefetch_key(queue)], timeout_s)
    if entry is None:
        return None
    return ImageRef(**json.loads(cast("tuple[bytes, bytes]", entry)[1]))
