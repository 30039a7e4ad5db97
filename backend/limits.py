"""Middleware that stops a body that is too large before it is read, or while it is."""

from __future__ import annotations

import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.problems import problem
from edgeseg.errors import ImageTooLargeError

# Room in the form for everything that is not the image, and all there is for JSON: it is parsed
# in one go, during which nobody else is answered.
FORM_BYTES = 256 * 1024
_FORMS = (b"multipart/form-data", b"application/x-www-form-urlencoded")


class _BodyTooLargeError(Exception):
    pass


class LimitBody:
    """Answers 413 to a form beyond ``max_bytes`` and its fields, and to other large bodies."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        is_form = headers.get(b"content-type", b"").lower().startswith(_FORMS)
        most = self.max_bytes if is_form else FORM_BYTES
        limit = most + FORM_BYTES if is_form else most
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            await self._refuse(most, scope, receive, send)
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
            await self._refuse(most, scope, receive, send)

    async def _refuse(self, most: int, scope: Scope, receive: Receive, send: Send) -> None:
        what = "an image file" if most == self.max_bytes else "a request without one"
        error = ImageTooLargeError(
            f"The request is larger than {most} bytes, the limit of {what}.", limit_bytes=most
        )
        await problem(error, scope["path"])(scope, receive, send)
