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

from edgeseg.errors import QueueUnavailableError
from edgeseg.settings import Settings

CONNECT_TIMEOUT_S = 0.5
ANSWER_TIMEOUT_S = 5.0


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
    """Return a client that fails fast: half a second to connect, one retry on a stale socket."""
    return redis.Redis.from_url(
        settings.redis_dsn(),
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),
        **_credentials(settings),
    )


def connect_async(settings: Settings) -> redis.asyncio.Redis:
    """Return the same client for an event loop; answers are awaited for half a second only."""
    return redis.asyncio.Redis.from_url(
        settings.redis_dsn(),
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=CONNECT_TIMEOUT_S,
        retry=AsyncRetry(NoBackoff(), 1),
        **_credentials(settings),
    )


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
    """
    try:
        yield
    except (TimeoutError, redis.ConnectionError, redis.TimeoutError, OSError) as error:
        raise QueueUnavailableError(
            f"Redis does not answer ({type(error).__name__}).", missing=["redis"]
        ) from error
    except redis.ReadOnlyError as error:
        raise QueueUnavailableError("Redis is read-only.", missing=["redis"]) from error
    except redis.OutOfMemoryError as error:
        raise QueueUnavailableError("Redis is out of memory.", missing=["redis"]) from error
