"""The event loop's view of tasks: one shared reader wakes whoever waits for a task."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress

import redis.asyncio
from redis.exceptions import RedisError

from edgeseg.schemas import FINAL_STATES, StageEvent
from edgeseg.tasks import keys
from edgeseg.tasks.batch import CommandBatch
from edgeseg.tasks.queues import QueueMonitor
from edgeseg.tasks.record import TaskRecord
from edgeseg.tasks.store import read_record

POLL_S = 1.0


class TaskWatch:
    """Wakes waiters by one subscription for the whole process; polls as the safety net.

    All waiters share one connection beside that of the subscription.

    A message that is lost while Redis is away costs a second, never a result: the record and the
    event stream are what counts, the message only says when to look.
    """

    def __init__(self, connection: redis.asyncio.Redis) -> None:
        self.connection = connection
        self.queues = QueueMonitor(connection)
        self._batch = CommandBatch(connection)
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> TaskWatch:
        self._reader = asyncio.create_task(self._read(), name="edgeseg-task-watch")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        await self._batch.aclose()
        await self.connection.aclose()

    async def finished(self, task_id: str, timeout_s: float) -> str | None:
        """Wait until a task ends and return its status; None when time is up or it expired.

        Raises:
            QueueUnavailableError: Redis went away meanwhile.
        """
        until = asyncio.get_running_loop().time() + timeout_s
        with _Waiter(self._waiting, task_id) as changed:
            while True:
                (raw,) = await self._batch.run(("HGET", keys.task_key(task_id), "status"))
                status = raw.decode() if raw is not None else None
                left = until - asyncio.get_running_loop().time()
                if status is None or status in FINAL_STATES:
                    return status
                if left <= 0:
                    return None
                await _wait(changed, min(left, POLL_S))

    async def events(self, task_id: str, after: str = "0") -> AsyncIterator[StageEvent]:
        """Yield the events of a task after the given id until its last.

        Raises:
            QueueUnavailableError: Redis went away meanwhile.
        """
        with _Waiter(self._waiting, task_id, every=True) as changed:
            while True:
                changed.clear()
                has_ended, rows = await self.since(task_id, after)
                for raw_id, fields in rows:
                    after = raw_id.decode()
                    event = StageEvent.model_validate_json(fields[b"event"])
                    yield event.model_copy(update={"id": after})
                if has_ended:
                    return
                if not rows:
                    await _wait(changed, POLL_S)

    async def since(
        self, task_id: str, after: str
    ) -> tuple[bool, list[tuple[bytes, dict[bytes, bytes]]]]:
        """Return whether a task has ended or expired, then its events: so none is left unread.

        Raises:
            QueueUnavailableError: Redis does not answer.
        """
        status, rows = await self._batch.run(
            ("HGET", keys.task_key(task_id), "status"),
            ("XRANGE", keys.events_key(task_id), f"({after}", "+"),
        )
        return status is None or status.decode() in FINAL_STATES, rows

    async def record(self, task_id: str) -> TaskRecord:
        """Return the record of a task.

        Raises:
            UnknownTaskError: there is none, or it has expired.
            QueueUnavailableError: Redis does not answer.
        """
        (raw,) = await self._batch.run(("HGETALL", keys.task_key(task_id)))
        return read_record(task_id, raw)

    async def _read(self) -> None:
        """Listen until stopped; after a lost connection every waiter reads its task once."""
        while True:
            try:
                async with self.connection.pubsub() as channel:
                    await channel.subscribe(keys.WAKE_CHANNEL)
                    self._wake_all()
                    while True:
                        message = await channel.get_message(
                            ignore_subscribe_messages=True, timeout=30.0
                        )
                        if message is not None:
                            task_id, status = message["data"].decode().split(" ")
                            self._wake(task_id, status)
            except (RedisError, OSError):
                self._wake_all()
                await asyncio.sleep(0.5)

    def _wake(self, task_id: str, status: str) -> None:
        names = [f"{task_id}:all", task_id] if status in FINAL_STATES else [f"{task_id}:all"]
        for name in names:
            for event in self._waiting.get(name, ()):
                event.set()

    def _wake_all(self) -> None:
        for events in self._waiting.values():
            for event in events:
                event.set()


class _Waiter:
    """Keeps an event in the table while somebody waits: for the end, or for ``every`` step."""

    def __init__(
        self, table: dict[str, set[asyncio.Event]], task_id: str, every: bool = False
    ) -> None:
        self._table = table
        self._name = f"{task_id}:all" if every else task_id
        self._event = asyncio.Event()

    def __enter__(self) -> asyncio.Event:
        self._table[self._name].add(self._event)
        return self._event

    def __exit__(self, *_: object) -> None:
        waiting = self._table[self._name]
        waiting.discard(self._event)
        if not waiting:
            del self._table[self._name]


async def _wait(changed: asyncio.Event, timeout_s: float) -> None:
    """Wait for the event, at most so long, and clear it."""
    with suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), timeout_s)
    changed.clear()
