"""Middleware that stops a body that is too large before it is read, or while it is."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.problems import refuse
from edgeseg.errors import ImageTooLargeError, InputError

# Room in a request for everything that is not the image, and all there is for JSON without one: it
# is parsed in one go, during which nobody else is answered.
FORM_BYTES = 256 * 1024
_CHARSET = re.compile(rb"""charset\*?\d*\*?\s*=\s*["']?([^;"'\s]*)""")
_FORMS = (b"multipart/form-data", b"application/x-www-form-urlencoded")


class _BodyTooLargeError(Exception):
    pass


class LimitBody:
    """Answers 413 to a form beyond ``max_bytes`` and its fields, and to other large bodies.

    ``max_bytes_of`` are the limits of paths that take images in JSON too, in base64.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_bytes_of: Mapping[str, int]) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_bytes_of = max_bytes_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        content_type = headers.get(b"content-type", b"").lower()
        is_form = content_type.startswith(_FORMS)
        if is_form and not _is_utf8(content_type):
            error = InputError("Expected a form in UTF-8, without another charset.")
            await refuse(error, scope, receive, send)
            return
        max_bytes = self.max_bytes if is_form else 0
        max_bytes = self.max_bytes_of.get(scope["path"], max_bytes)
        limit = FORM_BYTES + (max_bytes if is_form else max_bytes * 4 // 3)
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            await self._refuse(max_bytes, scope, receive, send)
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
            await self._refuse(max_bytes, scope, receive, send)

    async def _refuse(self, max_bytes: int, scope: Scope, receive: Receive, send: Send) -> None:
        what = "the image files of one request" if max_bytes else "a request without images"
        max_bytes = max_bytes or FORM_BYTES
        error = ImageTooLargeError(
            f"The request is larger than {max_bytes} bytes, the limit of {what}.",
            limit_bytes=max_bytes,
        )
        await refuse(error, scope, receive, send)


def _is_utf8(content_type: bytes) -> bool:
    """Whether a form names no charset but UTF-8 or its subset.

    The parser would take any codec of Python: some of them yield halves of surrogate pairs, and
    some take minutes.
    """
    return {*_CHARSET.findall(content_type)} <= {b"utf-8", b"utf8", b"us-ascii"}
