"""Middleware that lets the requests of a crowd begin a few at a time, and probes before them."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

PROBES = ("/health", "/livez", "/metrics")


# A round of the event loop begins so many: with one, a request is refused only after hundreds of
# rounds, in each of which the tasks that were admitted before it do a part of their work.
REQUESTS_IN_A_ROUND = 8


class Turns:
    """Lets a few coroutines go on in each round of the event loop, in the order they came."""

    def __init__(self, at_once: int = 1) -> None:
        self._turn = asyncio.Semaphore(at_once)

    async def wait(self) -> None:
        """Wait for a turn; whatever else is ready runs in between."""
        async with self._turn:
            await asyncio.sleep(0)


class TakeTurns:
    """A thousand requests that arrive together would otherwise all be begun before any probe."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._turns = Turns(REQUESTS_IN_A_ROUND)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            await self._turns.wait()
        await self.app(scope, receive, send)
