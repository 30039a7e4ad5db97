"""Commands of many coroutines, sent to Redis in batches over one connection."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import redis.asyncio
from redis.exceptions import RedisError

from edgeseg.tasks.connection import redis_errors

Command = tuple[str | int, ...]
MAX_COMMANDS = 500


@dataclass(frozen=True)
class _Asked:
    commands: tuple[Command, ...]
    replies: asyncio.Future[list[Any]]


class CommandBatch:
    """Sends what is asked while a batch is on its way as the next batch.

    However many requests wait, they take one connection, and no limit of a pool is reached.
    """

    def __init__(self, connection: redis.asyncio.Redis) -> None:
        self._connection = connection
        self._waiting: list[_Asked] = []
        self._sender: asyncio.Task[None] | None = None

    async def run(self, *commands: Command) -> list[Any]:
        """Return the replies to these commands, which are sent in this order.

        Raises:
            QueueUnavailableError: Redis does not answer.
        """
        asked = _Asked(commands, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if self._sender is None:
            self._sender = asyncio.create_task(self._send(), name="edgeseg-command-batch")
        with redis_errors():
            return await asked.replies

    async def aclose(self) -> None:
        """Stop sending; whoever waits is told that the connection is closed."""
        if self._sender is not None:
            self._sender.cancel()
            with suppress(asyncio.CancelledError):
                await self._sender
        for asked in self._waiting:
            _settle(asked, redis.ConnectionError("The connection was closed."))

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch, size = [], 0
                while self._waiting and size < MAX_COMMANDS:
                    batch.append(self._waiting.pop(0))
                    size += len(batch[-1].commands)
                await self._exchange(batch)
        finally:
            self._sender = None

    async def _exchange(self, batch: list[_Asked]) -> None:
        try:
            async with self._connection.pipeline(transaction=False) as pipe:
                for asked in batch:
                    for command in asked.commands:
                        cast(Any, pipe).execute_command(*command)
                replies = iter(await pipe.execute(raise_on_error=False))
        except BaseException as error:
            for asked in batch:
                _settle(asked, error)
            if not isinstance(error, RedisError | OSError | TimeoutError):
                raise
            return
        for asked in batch:
            mine = [next(replies) for _ in asked.commands]
            failures = [reply for reply in mine if isinstance(reply, Exception)]
            _settle(asked, failures[0] if failures else mine)


def _settle(asked: _Asked, outcome: list[Any] | BaseException) -> None:
    """Hand the outcome over, unless the asker has left."""
    if asked.replies.done():
        return
    if isinstance(outcome, BaseException):
        asked.replies.set_exception(outcome)
    else:
        asked.replies.set_result(outcome)
