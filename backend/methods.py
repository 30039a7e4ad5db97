"""Which methods a path has: ``Allow`` headers that name all, and HEAD wherever GET is."""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allowed_methods(app: Starlette, scope: Scope) -> list[str]:
    """Return every method that the path of a request has; empty for a path that is unknown."""
    matching = [
        method
        for method in _METHODS
        for route in app.routes
        if route.matches({**scope, "method": method})[0] is Match.FULL
    ]
    methods = list(dict.fromkeys(matching))
    heads = ["HEAD"] if "GET" in methods else []
    return [*methods, *heads, "OPTIONS"] if methods else []


class AnswerHead:
    """Answers HEAD with the headers of GET, and ends the work once they are known."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        start: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        async def keep_start(message: Message) -> None:
            if message["type"] == "http.response.start" and not start.done():
                start.set_result(message)

        working = asyncio.ensure_future(self.app({**scope, "method": "GET"}, receive, keep_start))
        try:
            both: set[asyncio.Future[Message] | asyncio.Future[None]] = {start, working}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not start.done():
                working.result()
            await send(await start)
            await send({"type": "http.response.body"})
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
