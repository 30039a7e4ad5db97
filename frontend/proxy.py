"""The API under the UI's own origin: ``/api/...`` streams to and from ``EDGESEG_API_URL``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from edgeseg.errors import (
    EdgeSegError,
    ImageTooLargeError,
    NotFoundError,
    RequestTimeoutError,
    UnavailableError,
)
from edgeseg.schemas import TASK_ID
from edgeseg.settings import Settings

PREFIX = "/api"
CONNECT_S = 2.0
# Longer than the API is silent in a stream of events: it writes a comment every 15 s.
SILENCE_S = 30.0
# Beside the files of a form; the API has limits of its own, and says more.
FORM_BYTES = 256 * 1024
MAX_CONNECTIONS = 200
# What the API reads; cookies and the origin are for the UI's server alone.
_TO_API = (
    "accept", "accept-encoding", "content-length", "content-type", "idempotency-key",
    "last-event-id", "prefer",
)  # fmt: skip
# What concerns one connection (RFC 9110, 7.6.1), and what the server here writes itself.
_NOT_BACK = frozenset({
    "connection", "date", "keep-alive", "proxy-authenticate", "proxy-connection", "server", "te",
    "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """A resource of the API that pages may use, and how long it may be silent, in seconds."""

    methods: tuple[str, ...]
    path: re.Pattern[str]
    silence_s: float


def rules(settings: Settings) -> tuple[Rule, ...]:
    """Return what is passed on: what needs work may take as long as the API allows it."""
    task, read_s, work_s = f"/tasks/{TASK_ID}", 5.0, settings.request_timeout_s + 5.0
    export_s = settings.export_timeout_s + 5.0
    table: tuple[tuple[str, str, float], ...] = (
        ("POST", r"/(segment|simplify|masks|classes)", work_s),
        ("GET", r"/(classes|engines|health|livez|queue-status|openapi\.json)", read_s),
        ("GET DELETE", task, read_s),
        ("GET", f"{task}/image", read_s),
        ("GET", f"{task}/events", SILENCE_S),
        ("POST", f"{task}/refine", work_s),
        ("GET", f"{task}/export", export_s),
        ("GET POST", "/export", export_s),
    )
    return tuple(
        Rule(tuple(methods.split()), re.compile(path), silence_s)
        for methods, path, silence_s in table
    )


def _key_header(settings: Settings) -> dict[str, str]:
    key = settings.api_key
    return {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}


class ApiProxy:
    """Passes requests on as they arrive and answers as they come; an ASGI application.

    An API that is away is 503 within CONNECT_S; one that is silent is 504 once its time is over.
    ``transport`` is any httpx transport, for tests.
    """

    def __init__(
        self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.rules = rules(settings)
        self.max_body_bytes = settings.max_image_bytes + FORM_BYTES
        self.api_url = settings.api_url
        self._http = httpx.AsyncClient(
            base_url=settings.api_url,
            headers=_key_header(settings),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
            transport=transport,
        )

    @property
    def route(self) -> Route:
        """Where it is."""
        return Route(f"{PREFIX}/{{path:path}}", self)

    @asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[dict[str, Any]]:
        """Close the connections when the server ends."""
        async with self._http:
            yield {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        if request.url.path == f"{PREFIX}/docs":
            # Its scripts and requests have addresses of their own there.
            await RedirectResponse(f"{self.api_url.rstrip('/')}/docs")(scope, receive, send)
            return
        try:
            answer = await self._ask(request)
        except EdgeSegError as error:
            problem, kind = error.to_problem(request.url.path), "application/problem+json"
            await JSONResponse(problem, error.status, media_type=kind)(scope, receive, send)
        except ClientDisconnect:
            return
        else:
            async with aclosing(answer):
                streamed = StreamingResponse(
                    _pieces(answer), answer.status_code, headers=_headers(answer)
                )
                await streamed(scope, receive, send)

    async def _ask(self, request: Request) -> httpx.Response:
        """Return the beginning of the API's answer; raises an EdgeSegError without one."""
        path = request.url.path.removeprefix(PREFIX)
        method = "GET" if request.method == "HEAD" else request.method
        rule = next((each for each in self.rules if each.path.fullmatch(path)), None)
        if rule is None or method not in rule.methods:
            raise NotFoundError(f"{request.method} {PREFIX}{path}: the UI does not pass this on.")
        self._require_small(int(request.headers.get("content-length") or 0))
        body = _Body(request, self._require_small)
        outgoing = self._http.build_request(
            request.method,
            httpx.URL(path, query=request.url.query.encode() or None),
            headers={name: request.headers[name] for name in _TO_API if name in request.headers},
            content=body.pieces() if method == "POST" else None,
            timeout=httpx.Timeout(rule.silence_s, connect=CONNECT_S, pool=CONNECT_S),
        )
        try:
            return await self._unless_left(outgoing, body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            name = type(error).__name__
            detail = f"The API at {self.api_url} does not answer ({name})."
            raise UnavailableError(detail) from error
        except httpx.TimeoutException as error:
            detail = f"The API did not answer within {rule.silence_s:g} s."
            raise RequestTimeoutError(detail) from error
        except httpx.TransportError as error:
            name = type(error).__name__
            raise UnavailableError(f"The connection to the API broke ({name}).") from error

    async def _unless_left(self, outgoing: httpx.Request, body: _Body) -> httpx.Response:
        """Send a request; raises ClientDisconnect when the page that sent it has gone."""
        working = asyncio.ensure_future(self._http.send(outgoing, stream=True))
        leaving = asyncio.ensure_future(body.until_left())
        both: set[asyncio.Future[Any]] = {working, leaving}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ClientDisconnect
            return working.result()
        finally:
            for each in both:
                each.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    def _require_small(self, size_bytes: int) -> None:
        if size_bytes > self.max_body_bytes:
            raise ImageTooLargeError(
                f"The request is larger than {self.max_body_bytes} bytes.",
                limit_bytes=self.max_body_bytes,
            )


class _Body:
    """The body of a request, read once, and then the end of its connection."""

    def __init__(self, request: Request, check: Callable[[int], None]) -> None:
        self._request, self._check = request, check
        self._is_read = asyncio.Event()
        if request.method != "POST":
            self._is_read.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, while ``check`` of its bytes so far raises nothing."""
        size_bytes = 0
        async for piece in self._request.stream():
            size_bytes += len(piece)
            self._check(size_bytes)
            if piece:
                yield piece
        self._is_read.set()

    async def until_left(self) -> None:
        """Wait until the page has closed its connection."""
        await self._is_read.wait()
        while (await self._request.receive())["type"] != "http.disconnect":
            pass


def _headers(answer: httpx.Response) -> dict[str, str]:
    headers = {name: value for name, value in answer.headers.items() if name not in _NOT_BACK}
    if headers.get("location", "").startswith("/"):
        headers["location"] = PREFIX + headers["location"]
    return headers


async def _pieces(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield an answer as it arrives, still compressed if it is.

    Events end where the API falls silent, and the page asks for those after the last one; of
    anything else a part is no answer.
    """
    is_events = answer.headers.get("content-type", "").startswith("text/event-stream")
    with suppress(*((httpx.TransportError,) if is_events else ())):
        async for piece in answer.aiter_raw():
            yield piece
