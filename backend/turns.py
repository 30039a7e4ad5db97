"""Middleware that lets the requests of a crowd begin one by one, and probes before them."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

PROBES = ("/health", "/livez", "/metrics")


class Turns:
    """Lets one coroutine go on in each round of the event loop, in the order they came."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def wait(self) -> None:
        """Wait for a turn; whatever else is ready runs in between."""
        async with self._turn:
            await asyncio.sleep(0)


class TakeTurns:
    """A thousand requests that arrive together would otherwise all be begun before any probe."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._turns = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            await self._turns.wait()
        await self.app(scope, receive, send)
