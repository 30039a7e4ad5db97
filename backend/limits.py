"""Middleware that stops a body that is too large before it is read, or while it is."""

from __future__ import annotations

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
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0")
        got = 0

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > limit:
                raise _BodyTooLargeError
            return message

        try:
            if announced.isdigit() and int(announced) > limit:
                raise _BodyTooLargeError
            await self.app(scope, counted, send)
        except _BodyTooLargeError:
            error = ImageTooLargeError(
                f"The request is larger than {self.max_bytes} bytes, the limit of an image file.",
                limit_bytes=self.max_bytes,
            )
            await problem(error, scope["path"])(scope, receive, send)
