"""Task records in Redis: written once, moved forward in single steps, read by id."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import redis
from redis.client import Pipeline

from edgeseg.errors import EdgeSegError, IdempotencyConflictError, UnknownTaskError
from edgeseg.schemas import EventType, StageEvent, TaskState
from edgeseg.settings import Role
from edgeseg.tasks import keys
from edgeseg.tasks.record import ImageRef, NewTask, TaskRecord

UNFINISHED_TTL_S = 24 * 3600
# A claim whose task is not written by then is given up: its owner died.
CLAIM_WAIT_S = 2.0
CLAIM_TTL_S = 60

# A finished task never changes again, whoever comes late: a worker that was thought dead, a
# cancellation, a second failure. The check and the change are therefore one step. It begins with
# EXPIRE, which needs no memory: after a first write Redis lets a script go on when it is full. So
# the tasks that a full Redis has can end, and free its memory.
_ADVANCE = f"""
local task = redis.call('HMGET', KEYS[1], 'status', 'claim')
local status, claim = task[1], task[2]
if not status then return 'missing' end
if status == 'done' or status == 'failed' or status == 'cancelled' then return status end
for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
local after = 6 + ARGV[5]
redis.call('HSET', KEYS[1], 'status', ARGV[3], unpack(ARGV, after))
if ARGV[4] ~= '' then redis.call('SET', KEYS[4], ARGV[4], 'EX', ARGV[1]) end
for i = 6, after - 1 do redis.call('XADD', KEYS[2], '*', 'event', ARGV[i]) end
if claim then redis.call('EXPIRE', claim, ARGV[1]) end
redis.call('PUBLISH', '{keys.WAKE_CHANNEL}', ARGV[2] .. ' ' .. ARGV[3])
return 'ok'
"""

# Of all who find that a key's owner is gone, one takes it over.
_TAKE_OVER = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


@dataclass(frozen=True)
class Claim:
    """An idempotency key that was claimed for a task which is about to be written."""

    key: str
    fingerprint: str
    task_id: str

    @property
    def name(self) -> str:
        """The name of the key in Redis."""
        return keys.idempotency_key(self.key)

    def value(self, *, is_written: bool) -> str:
        """Return what the key holds before and after the task was written."""
        facts = {"task": self.task_id, "fingerprint": self.fingerprint, "is_written": is_written}
        return json.dumps(facts)


class TaskStore:
    """Reads and writes task records; ``ttl_s`` is how long a finished one stays."""

    def __init__(self, connection: redis.Redis, ttl_s: int = 300) -> None:
        self.connection = connection
        self.ttl_s = ttl_s
        self._advance = connection.register_script(_ADVANCE)
        self._take_over = connection.register_script(_TAKE_OVER)
        self._release = connection.register_script(_RELEASE)

    def write(
        self, task: NewTask, images: Sequence[bytes], pipe: Pipeline, claim: Claim | None = None
    ) -> None:
        """Queue the commands that write a new task, its image files and its first event."""
        if claim is not None:
            pipe.hset(keys.task_key(task.id), "claim", claim.name)
            pipe.set(claim.name, claim.value(is_written=True), ex=UNFINISHED_TTL_S)
        pipe.hset(keys.task_key(task.id), mapping=cast(Any, task.fields()))
        pipe.expire(keys.task_key(task.id), UNFINISHED_TTL_S)
        for index, data in enumerate(images):
            pipe.hset(keys.image_key(task.id), str(index), cast(Any, data))
        pipe.expire(keys.image_key(task.id), UNFINISHED_TTL_S)
        event = _event("queued", task.plan[0], {"plan": list(task.plan)})
        pipe.xadd(keys.events_key(task.id), {"event": event})
        pipe.expire(keys.events_key(task.id), UNFINISHED_TTL_S)

    def read(self, task_id: str) -> TaskRecord:
        """Return the record.

        Raises:
            UnknownTaskError: there is none, or it has expired.
        """
        raw = cast(dict[bytes, bytes], self.connection.hgetall(keys.task_key(task_id)))
        return read_record(task_id, raw)

    def image(self, ref: ImageRef) -> bytes:
        """Return the bytes of an image file.

        Raises:
            UnknownTaskError: the image has expired.
        """
        name = keys.image_key(ref.task_id)
        data = cast(bytes | None, cast(Any, self.connection).hget(name, str(ref.index)))
        if data is None:
            raise UnknownTaskError(f"The image of task {ref.task_id[:64]!r} has expired.")
        return data

    def drawing(self, task_id: str) -> bytes | None:
        """Return the overlay of a task as a file, if one was drawn."""
        return cast(bytes | None, self.connection.get(keys.drawing_key(task_id)))

    def keep(self, task_id: str) -> None:
        """Let a finished task, its image and its drawing live for a whole term again."""
        claim = cast(bytes | None, self.connection.hget(keys.task_key(task_id), "claim"))
        with self.connection.pipeline(transaction=False) as pipe:
            for key in [*_family(task_id), *([claim.decode()] if claim else [])]:
                pipe.expire(key, self.ttl_s)
            pipe.execute()

    def start_stage(self, record: TaskRecord, stage: Role) -> TaskRecord | None:
        """Note that a worker begins a stage; None when the task needs it no more."""
        waited_ms = max(0.0, (time.time() - record.ready_at) * 1000)
        queue_ms = record.timings_ms.get("queue", 0.0) + waited_ms
        fields = {"stage": stage, "ms:queue": f"{queue_ms:.3f}"}
        event = _event("started", stage, {"queued_ms": round(waited_ms, 3)})
        if not self._step(record.id, "running", [event], fields):
            return None
        timings_ms = {**record.timings_ms, "queue": queue_ms}
        return replace(record, status="running", stage=stage, timings_ms=timings_ms)

    def finish_stage(
        self, record: TaskRecord, stage: Role, fields: Mapping[str, str], data: Mapping[str, Any]
    ) -> bool:
        """Store what a stage made (``result:``, ``ms:`` and ``engine:`` fields) and go on."""
        following = record.plan[record.plan.index(stage) + 1]
        fields = {**fields, "stage": following, "ready_at": repr(time.time())}
        return self._step(record.id, "queued", [_event("finished", stage, data)], fields)

    def progress(self, task_id: str, stage: Role, data: Mapping[str, Any]) -> bool:
        """Tell how far a stage is; False when its task has ended."""
        return self._step(task_id, "running", [_event("progress", stage, data)], {})

    def queue_again(
        self,
        task_id: str,
        stage: Role,
        data: Mapping[str, Any],
        fields: Mapping[str, str] | None = None,
    ) -> bool:
        """Note that a stage waits once more; ``fields`` are what it has made so far."""
        event = _event("queued", stage, data)
        changes = {**(fields or {}), "ready_at": repr(time.time())}
        return self._step(task_id, "queued", [event], changes)

    def finish(
        self,
        record: TaskRecord,
        stage: Role,
        fields: Mapping[str, str],
        data: Mapping[str, Any],
        drawing: bytes | None = None,
    ) -> bool:
        """Store the fields of the last stage, ``result`` among them, and end the task as done.

        ``drawing`` is the overlay as a file; stages of the plan that were not needed get an
        event that says so.
        """
        skipped = record.plan[record.plan.index(stage) + 1 :]
        events = [_event("finished", stage, data)]
        events += [_event("skipped", each, {}) for each in skipped]
        events.append(_event("done", None, data))
        return self._end(record.id, "done", events, fields, drawing or b"")

    def fail(self, task_id: str, error: EdgeSegError) -> bool:
        """End the task with an error; False when it had ended already."""
        problem = error.to_dict()
        event = _event("failed", None, problem)
        return self._end(task_id, "failed", [event], {"error": json.dumps(problem)})

    def cancel(self, task_id: str) -> bool:
        """End the task on request; False when it had ended already."""
        return self._end(task_id, "cancelled", [_event("cancelled", None, {})], {})

    def change_result(self, task_id: str, change: Callable[[Any], Any]) -> None:
        """Replace the result of a finished task by ``change`` of it; its drawing is outdated.

        ``change`` gets and returns JSON values, and is called again when another change came
        between.
        """
        name = keys.task_key(task_id)

        def swap(pipe: Pipeline) -> None:
            held = cast(Any, pipe).hget(name, "result")
            if held is not None:
                changed = json.dumps(change(json.loads(held)))
                pipe.multi()
                pipe.hset(name, "result", changed)
                pipe.delete(keys.drawing_key(task_id))

        self.connection.transaction(swap, name)

    def claim(self, claim: Claim) -> str | None:
        """Reserve an idempotency key for a task; return the task that has it already, if any.

        No clock of the day is read: whoever finds a claim without a task waits CLAIM_WAIT_S of its
        own time for the task, then takes the key over.

        Raises:
            IdempotencyConflictError: the key came with another request before.
        """
        mine = claim.value(is_written=False)
        last_seen, seen_at = b"", 0.0
        while not self.connection.set(claim.name, mine, nx=True, ex=CLAIM_TTL_S):
            held = cast(bytes | None, self.connection.get(claim.name))
            if held is None:
                continue
            if held != last_seen:
                last_seen, seen_at = held, time.monotonic()
            other = json.loads(held)
            if self.connection.exists(keys.task_key(other["task"])):
                if other["fingerprint"] != claim.fingerprint:
                    raise IdempotencyConflictError("This Idempotency-Key came with other content.")
                return str(other["task"])
            is_gone = other.get("is_written") or time.monotonic() - seen_at > CLAIM_WAIT_S
            if not is_gone:
                time.sleep(0.02)
            elif self._take_over(keys=[claim.name], args=[held, mine, CLAIM_TTL_S]):
                return None
        return None

    def release(self, claim: Claim) -> None:
        """Give an idempotency key back when its task could not be submitted."""
        self._release(keys=[claim.name], args=[claim.value(is_written=False)])

    def _end(
        self,
        task_id: str,
        status: TaskState,
        events: list[str],
        fields: Mapping[str, str],
        drawing: bytes = b"",
    ) -> bool:
        fields = {**fields, "finished_at": repr(time.time())}
        return self._step(task_id, status, events, fields, self.ttl_s, drawing)

    def _step(
        self,
        task_id: str,
        status: TaskState,
        events: list[str],
        fields: Mapping[str, str],
        ttl_s: int = UNFINISHED_TTL_S,
        drawing: bytes = b"",
    ) -> bool:
        flat = [part for pair in fields.items() for part in pair]
        arguments = [ttl_s, task_id, status, drawing, len(events), *events, *flat]
        return bool(self._advance(keys=_family(task_id), args=arguments) == b"ok")


def read_record(task_id: str, raw: Mapping[bytes, bytes]) -> TaskRecord:
    """Read the hash of a task as Redis returns it.

    Raises:
        UnknownTaskError: it is empty: there is no such task, or it has expired.
    """
    if not raw:
        raise UnknownTaskError(f"No task has the id {task_id[:64]!r}; finished ones expire.")
    return TaskRecord.from_hash(task_id, raw)


def _family(task_id: str) -> list[str]:
    return [
        keys.task_key(task_id),
        keys.events_key(task_id),
        keys.image_key(task_id),
        keys.drawing_key(task_id),
    ]


def _event(event: EventType, stage: Role | None, data: Mapping[str, Any]) -> str:
    return StageEvent(type=event, stage=stage, at=time.time(), data=dict(data)).model_dump_json()
