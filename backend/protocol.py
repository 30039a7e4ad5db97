"""The HTTP protocol of the server: bounds on connections, on their headers, and on their patience.

uvicorn bounds none of them for httptools, and answers in plain text where it refuses.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from backend.problems import problem
from edgeseg.errors import (
    ClientTooSlowError,
    EdgeSegError,
    HeadersTooLargeError,
    InputError,
    TooManyConnectionsError,
)
from edgeseg.settings import Settings

# Slower than this, a client is not sending or reading, but holding a connection.
MIN_BYTES_PER_S = 16 * 1024
# Requests that are sent before the answers of those before them.
MAX_PIPELINED = 8
# How long a refused client has for reading why, and how many such clients there may be.
LINGER_S = 2.0
MAX_REFUSED = 256


@dataclass(frozen=True)
class ConnectionLimits:
    """What one process allows its clients; times are in seconds.

    A client that was answered early, or refused, may go on sending ``max_discarded_bytes``: many
    read an answer only when they have sent everything.
    """

    max_connections: int
    max_header_bytes: int
    header_timeout_s: float
    body_timeout_s: float
    max_discarded_bytes: int


class Arrivals:
    """Lets a few new connections begin in each round of the event loop, from both ends.

    Of a thousand that open at once, all requests would be parsed before anything else happens. The
    first come first, and a probe that comes last does not wait for all of them.
    """

    PAIRS = 4

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def add(self, begin: Callable[[], None]) -> None:
        """Have ``begin`` called in one of the next rounds."""
        self._waiting.append(begin)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._let_in)

    def _let_in(self) -> None:
        begun = []
        for _ in range(self.PAIRS):
            begun += [
                take() for take in (self._waiting.popleft, self._waiting.pop) if self._waiting
            ]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._let_in)
        for begin in begun:
            begin()


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a connection beyond the limit, large headers, and clients that are too slow.

    A body, or an answer that is read, has ``body_timeout_s`` to spare, and gains a second for each
    MIN_BYTES_PER_S that get through.
    """

    limits: ClassVar[ConnectionLimits]
    arrivals: ClassVar[Arrivals]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limits = self.limits
        self._tick_s = min(1.0, limits.header_timeout_s / 4, limits.body_timeout_s / 4)
        self._timer: asyncio.TimerHandle | None = None
        self._is_refused = self._is_in_message = False
        self._is_new = True
        # The head of a request that has begun and is not complete, and since when.
        self._head_since: float | None = None
        self._received_bytes = 0
        self._body_bytes = 0
        self._counted_bytes = 0
        self._unsent_bytes = 0
        self._body_left_s = self._answer_left_s = limits.body_timeout_s

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or refuse it at once."""
        super().connection_made(transport)
        self._head_since = self.loop.time()
        excess = len(self.connections) - self.limits.max_connections
        if excess > MAX_REFUSED:
            transport.abort()
        elif excess > 0:
            detail = f"{self.limits.max_connections} connections are open; try again later."
            self._refuse(TooManyConnectionsError(detail))
        else:
            self._timer = self.loop.call_later(self._tick_s, self._tick)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless what it would have to keep is too large.

        What a new connection sends first waits for its turn.
        """
        if self._is_refused:
            self._body_bytes += len(data)
            if self._body_bytes > self.limits.max_discarded_bytes:
                self.transport.abort()
            return
        if self._is_new:
            self._is_new = False
            self.flow.pause_reading()
            self.arrivals.add(partial(self._begin, data))
            return
        if self._head_since is None and self._is_idle():
            self._head_since = self.loop.time()
        self._received_bytes += len(data)
        super().data_received(data)
        # Headers that are not complete, and whatever else is neither headers nor body: the parser
        # keeps trailers, too, until they are complete.
        besides = self._received_bytes - 2 * self._body_bytes
        if besides > self.limits.max_header_bytes and not self.transport.is_closing():
            self._refuse(self._headers_too_large())

    def _begin(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(data)

    def on_message_begin(self) -> None:
        """Begin to count anew."""
        super().on_message_begin()
        self._is_in_message = True
        self._received_bytes = self._body_bytes = self._counted_bytes = 0
        self._body_left_s = self.limits.body_timeout_s

    def on_headers_complete(self) -> None:
        """Begin the request, unless its headers are too large."""
        self._head_since = None
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.limits.max_header_bytes:
            self._refuse(self._headers_too_large())
        elif len(self.pipeline) >= MAX_PIPELINED:
            self.transport.abort()
        elif not self._is_refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the body; after the answer it is discarded, up to a limit."""
        self._body_bytes += len(body)
        if self._is_refused:
            return
        if self.cycle.response_complete and self._body_bytes > self.limits.max_discarded_bytes:
            self.transport.abort()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; one that was answered early leaves an idle connection only now."""
        if self._is_refused:
            return
        super().on_message_complete()
        self._is_in_message = False
        self._received_bytes = self._body_bytes = self._counted_bytes = 0
        self.cycle.more_body = False
        if self.cycle.response_complete:
            self._head_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(InputError(msg))

    def _is_idle(self) -> bool:
        return self.cycle is None or (self.cycle.response_complete and not self.cycle.more_body)

    def _headers_too_large(self) -> EdgeSegError:
        limit = self.limits.max_header_bytes
        return HeadersTooLargeError(
            f"The request's headers are larger than {limit} bytes.", limit_bytes=limit
        )

    def _tick(self) -> None:
        self._timer = self.loop.call_later(self._tick_s, self._tick)
        self._watch_answer()
        head_since, cycle = self._head_since, self.cycle
        if head_since is not None:
            if self.loop.time() - head_since > self.limits.header_timeout_s:
                self._give_up("Its headers took too long.")
        elif cycle is not None and cycle.more_body and not self._has_to_wait():
            self._watch_body()

    def _has_to_wait(self) -> bool:
        """Whether the client cannot send, because it is not read or waits for "100 Continue"."""
        return self.flow.read_paused or bool(self.cycle.waiting_for_100_continue)

    def _watch_body(self) -> None:
        gained = self._body_bytes - self._counted_bytes
        self._counted_bytes = self._body_bytes
        self._body_left_s = self._after(self._body_left_s, gained)
        if self._body_left_s <= 0:
            self._give_up(f"Its body came more slowly than {MIN_BYTES_PER_S} bytes a second.")

    def _watch_answer(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        gained = max(0, self._unsent_bytes - unsent)
        self._unsent_bytes = unsent
        left_s = self._after(self._answer_left_s, gained)
        self._answer_left_s = left_s if unsent else self.limits.body_timeout_s
        if self._answer_left_s <= 0:
            self.transport.abort()

    def _after(self, left_s: float, gained_bytes: int) -> float:
        left_s += gained_bytes / MIN_BYTES_PER_S - self._tick_s
        return min(left_s, self.limits.body_timeout_s)

    def _give_up(self, detail: str) -> None:
        if self._is_in_message:
            self._refuse(ClientTooSlowError(f"The request was given up: {detail}"))
        else:
            self.transport.close()

    def _refuse(self, error: EdgeSegError) -> None:
        """Answer with an error, if no other answer has begun, and close the connection.

        What the client still sends is read and discarded for a moment: to close at once would
        reset the connection, and the answer with it.
        """
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        if self._timer is not None:
            self._timer.cancel()
        self._unset_keepalive_if_required()
        is_answering = self.cycle is not None and not self.cycle.response_complete
        is_answered = self.cycle is not None and self.cycle.response_complete
        if (is_answering and self.cycle.response_started) or (is_answered and self.cycle.more_body):
            self.transport.abort()
            return
        self.transport.write(_answer_of(error))
        if is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(LINGER_S, self.transport.abort)


def _answer_of(error: EdgeSegError) -> bytes:
    response = problem(error, "/")
    status = HTTPStatus(response.status_code)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    lines += [b"%s: %s" % header for header in [*response.raw_headers, (b"connection", b"close")]]
    return b"\r\n".join([*lines, b"", bytes(response.body)])


def protocol_of(settings: Settings) -> type[BoundedProtocol]:
    """Return the protocol of one server, with the limits of the settings."""
    limits = ConnectionLimits(
        settings.max_connections,
        settings.max_header_bytes,
        settings.header_timeout_s,
        settings.body_timeout_s,
        2 * settings.max_image_bytes,
    )
    attributes = {"limits": limits, "arrivals": Arrivals()}
    return cast(type[BoundedProtocol], type("Protocol", (BoundedProtocol,), attributes))
