"""How much the holder of a key may ask for: requests and bytes a minute, tasks at once."""

from __future__ import annotations

import math
import time

import redis.asyncio
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from backend.keys import owner
from edgeseg.errors import RateLimitedError
from edgeseg.settings import Settings
from edgeseg.tasks import redis_errors
from edgeseg.tasks.keys import LIMITS_PREFIX


class Quotas:
    """Counts what each key asks for in Redis, so that several processes count together.

    Limits are sliding windows of a minute; without keys there are none.
    """

    def __init__(self, connection: redis.asyncio.Redis, settings: Settings) -> None:
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=LIMITS_PREFIX,
            connection_pool=connection.connection_pool,  # type: ignore[arg-type]
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._requests, self._bytes = (
            None if limit is None else RateLimitItemPerMinute(limit)
            for limit in (settings.key_requests_per_minute, settings.key_bytes_per_minute)
        )

    async def take_request(self) -> None:
        """Count a request of the key that is being answered.

        Raises:
            RateLimitedError: it has sent as many in the last minute as it may.
            QueueUnavailableError: Redis does not answer.
        """
        await self._take(self._requests, "requests", 1)

    async def take_bytes(self, count: int) -> None:
        """Count bytes of images of the key that is being answered; raises as `take_request`."""
        await self._take(self._bytes, "bytes", count)

    async def _take(self, limit: RateLimitItemPerMinute | None, what: str, cost: int) -> None:
        name = owner()
        if limit is None or not name or not cost:
            return
        with redis_errors():
            if await self._limiter.hit(limit, what, name, cost=cost):
                return
            window = await self._limiter.get_window_stats(limit, what, name)
        retry_after_s = max(1, math.ceil(window.reset_time - time.time()))
        raise RateLimitedError(
            f"The key {name!r} may use {limit.amount} {what} a minute; try again later.",
            limit=limit.amount,
            retry_after_s=retry_after_s,
        )
