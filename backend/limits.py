"""Middleware that stops a body that is too large before it is read, or while it is."""

from __future__ import annotations

import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.problems import problem
from edgeseg.errors import ImageTooLargeError

# Room in the form for everything that is not the image.
FORM_BYTES = 256 * 1024


class _BodyTooLargeError(Exception):
    pass


class LimitBody:
    """Answers 413 to a request whose body goes beyond ``max_bytes`` and the rest of a form."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.max_bytes + FORM_BYTES
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            await self._refuse(scope, receive, send)
            return
        got = 0

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > limit:
                raise _BodyTooLargeError
            return message

        async def unless_refused(message: Message) -> None:
            # Whoever reads the body makes an answer of its own out of our exception.
            if got <= limit:
                await send(message)

        with contextlib.suppress(_BodyTooLargeError):
            await self.app(scope, counted, unless_refused)
        if got > limit:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = ImageTooLargeError(
            f"The request is larger than {self.max_bytes} bytes, the limit of an image file.",
            limit_bytes=self.max_bytes,
        )
        await problem(error, scope["path"])(scope, receive, send)
