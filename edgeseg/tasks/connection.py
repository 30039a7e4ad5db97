"""Connections to Redis, and the border where its errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.retry import Retry

from edgeseg.errors import QueueFullError, QueueUnavailableError
from edgeseg.settings import Settings

CONNECT_TIMEOUT_S = 0.5
ANSWER_TIMEOUT_S = 5.0
# Of an event loop, which may itself be busy for a while.
LOOP_TIMEOUT_S = 1.0
# Threads of a process share so many connections, coroutines so many; who finds none free waits.
MAX_CONNECTIONS = 50
MAX_LOOP_CONNECTIONS = 10
# What redis-py's pools say when all their connections are in use.
_NONE_FREE = "No connection available"
_OUT_OF_MEMORY = "OOM command not allowed"
# Redis restarts, loads its file, hangs or has become a replica: the same command works later.
CONNECTION_LOST = (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError)


@dataclass(frozen=True)
class PasswordFile(CredentialProvider):
    """Reads the password anew for each connection: it may come late, or be changed."""

    path: Path

    def get_credentials(self) -> tuple[str]:
        """Return the password; a file that is not there yet is a Redis that is not there yet."""
        try:
            return (self.path.read_text(encoding="utf-8").strip(),)
        except OSError as error:
            raise redis.ConnectionError(f"The password of Redis cannot be read: {error}") from error


def connect(settings: Settings) -> redis.Redis:
    """Return a client that fails fast: half a second to connect, one retry on a stale socket.

    A command that was not answered in time is not sent again: it may have been carried out.
    """
    pool = redis.BlockingConnectionPool.from_url(
        settings.redis_dsn(),
        max_connections=MAX_CONNECTIONS,
        timeout=ANSWER_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        **_credentials(settings),
    )
    return redis.Redis.from_pool(pool)


def connect_async(settings: Settings) -> redis.asyncio.Redis:
    """Return the same client for an event loop; answers are awaited for a short time only."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        settings.redis_dsn(),
        max_connections=MAX_LOOP_CONNECTIONS,
        timeout=ANSWER_TIMEOUT_S,
        socket_connect_timeout=LOOP_TIMEOUT_S,
        socket_timeout=LOOP_TIMEOUT_S,
        retry=AsyncRetry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        **_credentials(settings),
    )
    return redis.asyncio.Redis.from_pool(pool)


def _credentials(settings: Settings) -> dict[str, Any]:
    path = settings.redis_password_file
    if path is None or settings.redis_url is not None:
        return {}
    return {"credential_provider": PasswordFile(path)}


@contextmanager
def redis_errors() -> Iterator[None]:
    """Translate the errors of an unreachable, starting or refusing Redis.

    Raises:
        QueueUnavailableError: Redis does not answer.
        QueueFullError: Redis has no room, or this process has no connection to spare.
    """
    try:
        yield
    except redis.ConnectionError as error:
        if isinstance(error, redis.exceptions.MaxConnectionsError) or _NONE_FREE in str(error):
            raise QueueFullError(
                "Too many requests wait for Redis in this process; try again later."
            ) from error
        raise _no_answer(error) from error
    except (TimeoutError, redis.TimeoutError, OSError) as error:
        raise _no_answer(error) from error
    except redis.ReadOnlyError as error:
        raise QueueUnavailableError("Redis is read-only.", missing=["redis"]) from error
    except redis.ResponseError as error:
        if not is_out_of_memory(error):
            raise
        raise QueueFullError("Redis has no room for another task; try again later.") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Redis refused a command for lack of memory; older ones wrap that of a script."""
    refusal = isinstance(error, redis.ResponseError)
    return refusal and (isinstance(error, redis.OutOfMemoryError) or _OUT_OF_MEMORY in str(error))


def _no_answer(error: Exception) -> QueueUnavailableError:
    return QueueUnavailableError(
        f"Redis does not answer ({type(error).__name__}).", missing=["redis"]
    )
