"""What ``streamlit run`` serves: pages, their files and the API, for our own origin only."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgeseg.hosts import is_own_origin, is_trusted_host
from edgeseg.settings import get_settings
from frontend import assets
from frontend.preview import Previews
from frontend.proxy import ApiProxy

_READS = ("GET", "HEAD", "OPTIONS")


class Guard:
    """Refuses other hosts (DNS rebinding), and writes and WebSockets from other origins.

    Streamlit itself compares ``Origin`` with ``Host`` only, and looks up this machine's public
    address where they differ.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.hosts = get_settings().host_names()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._is_allowed(scope):
            await self.app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            text = "This host or origin is not allowed; see EDGESEG_ALLOWED_HOSTS."
            await PlainTextResponse(text, 421)(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not is_trusted_host(hosts[0], self.hosts):
            return False
        reads = scope["type"] == "http" and scope["method"] in _READS
        return reads or is_own_origin(headers, hosts[0])


def _with_headers(send: Send) -> Send:
    async def add_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            # Streamlit's scripts need more than a stricter policy would allow.
            headers.setdefault("Content-Security-Policy", "frame-ancestors 'self'")
        await send(message)

    return add_headers


proxy = ApiProxy(get_settings())
app = st.App(
    Path(__file__).with_name("app.py"),
    routes=[*assets.ROUTES, Previews().route, proxy.route],
    middleware=[Middleware(Guard)],
    lifespan=proxy.lifespan,
)
