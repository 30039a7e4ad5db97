"""Middleware that refuses what a page of another site makes a browser send."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.problems import refuse
from edgeseg.errors import EdgeSegError, HostNotAllowedError, OriginNotAllowedError
from edgeseg.hosts import is_own_origin, is_trusted_host

_READS = ("GET", "HEAD", "OPTIONS")


class Guard:
    """Refuses requests for hosts that are not ours, and writes that come from other origins.

    A name that somebody else's DNS points at this server (DNS rebinding) is 421; a form or script
    of another site is 403, unless its origin is one of ``origins``. Programs, which send neither
    ``Origin`` nor ``Sec-Fetch-Site``, pass.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str], origins: Sequence[str] = ()) -> None:
        self.app = app
        self.hosts = hosts
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = self._error(scope) if scope["type"] == "http" else None
        if error is None:
            await self.app(scope, receive, send)
        else:
            await refuse(error, scope, receive, send)

    def _error(self, scope: Scope) -> EdgeSegError | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not is_trusted_host(hosts[0], self.hosts):
            named = ", ".join(hosts)[:200] or "no host"
            return HostNotAllowedError(
                f"{named!r} is not a host of this API; add its name to EDGESEG_ALLOWED_HOSTS."
            )
        if scope["method"] in _READS or is_own_origin(headers, hosts[0]):
            return None
        origin = headers.get("origin", "another site")[:200]
        if origin in self.origins:
            return None
        return OriginNotAllowedError(f"A page of {origin} may not send this request.")
