"""Response headers that tell browsers how little an answer may do."""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_OTHER_ORIGIN = re.compile(rb'(?:src|href)="(https://[^/"]+)')


class SecurityHeaders:
    """Adds the headers to every answer; pages of HTML may load what they themselves name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        page: Message | None = None

        async def add_headers(message: Message) -> None:
            nonlocal page
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if headers.get("content-type", "").startswith("text/html"):
                    # Its policy depends on its body.
                    page = message
                    return
            elif page is not None:
                start, page = page, None
                policy = page_policy(message.get("body", b""))
                MutableHeaders(scope=start)["Content-Security-Policy"] = policy
                await send(start)
            await send(message)

        await self.app(scope, receive, add_headers)


def page_policy(html: bytes) -> str:
    """Return the policy of a page of documentation.

    It allows the page's own inline scripts by their hashes and the origins that the page names:
    without fastapi-offline its scripts come from a CDN. Swagger UI needs inline styles.
    """
    digests = [hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(html)]
    hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    origins = sorted({origin.decode() for origin in _OTHER_ORIGIN.findall(html)})
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *hashes, *origins],
        "style-src": ["'self'", "'unsafe-inline'", *origins],
        "img-src": ["'self'", "data:", "blob:", *origins],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(" ".join([name, *values]) for name, values in directives.items())
