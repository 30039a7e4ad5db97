"""What Redis spends on a task when it is never idle: the commands of a task, played back to back.

``python deploy/replay.py`` starts a Redis and plays the parts of the API and of three workers,
without engines: what is sent is what they send, and Redis' own clock of CPU time is what is read.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import redis
import redis.asyncio
import typer
from rq.job import Job

from edgeseg.cli.bench import jpeg_of, redis_over_tcp, redis_used
from edgeseg.schemas import SegmentRequest
from edgeseg.settings import Role, Settings
from edgeseg.tasks import Bookkeeping, ImageRef, NewTask, QueueMonitor, TaskChain, TaskStore, keys
from edgeseg.tasks.queue import SERIALIZER

TASKS = 400
READINGS = 40
PLAN: tuple[Role, ...] = ("simplify", "detect", "segment")
# About what the stages of two objects leave.
RESULTS: dict[Role, int] = {"simplify": 300, "detect": 500, "segment": 4000}
Item = TypeVar("Item")


class Player:
    """Plays the commands of many tasks step by step, and keeps what Redis spent on each."""

    def __init__(self, url: str, image: bytes) -> None:
        self._server = redis.Redis.from_url(url)
        self._store = TaskStore(self._server)
        self._chain = TaskChain(self._server, self._store, Settings())
        self._books = Bookkeeping(self._server, "player", "rq:worker:player", 6)
        self._image = image
        self.spent_ms: dict[str, float] = {}

    def play(self, tasks: int) -> float:
        """Return the milliseconds of CPU a task."""
        news = [self._new(number) for number in range(tasks)]
        self._step("submit", lambda task: self._chain.submit(task, [self._image]), news)
        for stage in PLAN:
            self._step(stage, partial(self._take, stage), range(tasks))
        self._step("answer", lambda task: self._store.read(task.id), news)
        return sum(self.spent_ms.values())

    def read_queues(self, url: str) -> float:
        """Return the milliseconds of CPU that a reading of the queues costs."""

        async def read() -> None:
            async with redis.asyncio.Redis.from_url(url) as connection:
                monitor = QueueMonitor(connection)
                for _ in range(READINGS):
                    await monitor.read(0.0001)

        before = redis_used(self._server)[0]
        asyncio.run(read())
        return (redis_used(self._server)[0] - before) / READINGS

    def _new(self, number: int) -> NewTask:
        request = SegmentRequest(text_prompt="cup . spoon .")
        task = NewTask("segment", PLAN, request, request.text_prompt)
        image = ImageRef(1800, 1200, f"{number:064x}", task.id)
        return NewTask("segment", PLAN, request, request.text_prompt, (image,), id=task.id)

    def _take(self, stage: Role, _: int) -> None:
        queue = keys.QUEUES[stage]
        raw: Any = self._server.blmove(keys.waiting_key(queue), keys.intermediate_key(queue), 1)
        job = Job.fetch(raw.decode(), connection=self._server, serializer=SERIALIZER)
        executions = self._books.start([job])
        self._server.persist(job.key)
        record = self._store.start_stage(self._store.read(job.args[0]), stage)
        assert record is not None
        assert record.image is not None
        if stage != "simplify":
            self._store.image(record.image)
        fields = {
            f"ms:{stage}": "12.345",
            f"engine:{stage}": '{"name": "fake", "device": "cpu", "dtype": "float32"}',
        }
        made = json.dumps("x" * RESULTS[stage])
        if stage == PLAN[-1]:
            self._store.finish(record, stage, {**fields, "result": made}, {"objects": 2})
        else:
            self._store.finish_stage(record, stage, {**fields, f"result:{stage}": made}, {})
        self._books.end(queue, executions, "idle")

    def _step(self, name: str, action: Callable[[Item], object], items: Iterable[Item]) -> None:
        items = list(items)
        before = redis_used(self._server)[0]
        for item in items:
            action(item)
        self.spent_ms[name] = (redis_used(self._server)[0] - before) / len(items)


def replayed(
    image: bytes, tasks: int = TASKS, appendonly: bool = True
) -> tuple[dict[str, float], float]:
    """Return the milliseconds of CPU that Redis spends on each part of a task, and on a reading."""
    with redis_over_tcp(appendonly) as url:
        Player(url, image).play(20)
        player = Player(url, image)
        player.play(tasks)
        return player.spent_ms, player.read_queues(url)


def main(
    jpeg_bytes: int = 1_000_000,
    tasks: int = TASKS,
    appendonly: bool = True,
) -> None:
    """Print what Redis spends on each part of a task."""
    image = jpeg_of(jpeg_bytes) + os.urandom(4)
    began = time.monotonic()
    parts, reading_ms = replayed(image, tasks, appendonly)
    for name, spent_ms in parts.items():
        typer.echo(f"{name:<12}{spent_ms:.2f} ms")
    typer.echo(f"{'a task':<12}{sum(parts.values()):.2f} ms")
    typer.echo(f"{'a reading':<12}{reading_ms:.2f} ms")
    typer.echo(f"{tasks} tasks in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    typer.run(main)
