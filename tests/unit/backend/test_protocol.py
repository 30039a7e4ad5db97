"""Connections that are too many, too large or too slow are refused, and leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import Response

from backend import create_app
from backend.protocol import Arrivals
from backend.turns import Turns
from edgeseg.settings import Settings
from tests.unit.backend.test_problems import GOOD, check_problem, served

SETTINGS = Settings(
    redis_host="127.0.0.1",
    redis_port=1,
    max_connections=20,
    max_header_bytes=4096,
    header_timeout_s=0.6,
    body_timeout_s=0.6,
    max_image_bytes=1_000_000,
)
PATIENCE_S = 30.0
FORM = b"Content-Type: multipart/form-data; boundary=x\r\n"
PART = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    app = create_app(SETTINGS)

    @app.get("/large")
    def large() -> Response:
        return Response(bytes(50_000_000))

    with served(app, SETTINGS) as client:
        yield client


def test_a_crowd_begins_a_few_at_a_time_from_both_ends() -> None:
    rounds: list[list[int]] = []

    async def arrive() -> None:
        arrivals = Arrivals()
        for number in range(11):
            arrivals.add(partial(begun.append, number))
        while len(begun) < 11:
            before = len(begun)
            await asyncio.sleep(0)
            rounds.append(begun[before:])
        # And again, once nobody waits.
        arrivals.add(partial(begun.append, 11))
        await asyncio.sleep(0)

    begun: list[int] = []
    asyncio.run(arrive())
    assert [each for each in rounds if each] == [[0, 10, 1, 9, 2, 8, 3, 7], [4, 6, 5]]
    assert begun[-1] == 11


def test_requests_begin_a_few_in_a_round() -> None:
    rounds: list[int] = []

    async def crowd() -> None:
        turns = Turns(3)
        begun: list[None] = []

        async def begin() -> None:
            await turns.wait()
            begun.append(None)

        waiting = [asyncio.create_task(begin()) for _ in range(10)]
        while len(begun) < len(waiting):
            before = len(begun)
            await asyncio.sleep(0)
            rounds.append(len(begun) - before)

    asyncio.run(crowd())
    assert max(rounds) == 3


class Raw:
    """A connection that sends what it wants."""

    def __init__(self, api: httpx.Client) -> None:
        port = api.base_url.port
        assert port is not None
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)

    def send(self, *parts: bytes) -> None:
        """Send, as far as the other side reads."""
        with contextlib.suppress(ConnectionError):
            for part in parts:
                self.socket.sendall(part)

    def read(self) -> bytes:
        """Return all that comes until the other side closes."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while part := self.socket.recv(65536):
                data += part
        return data

    def problem(self) -> tuple[int, str]:
        """Return status and code of the problem document that comes, and expect the end."""
        head, _, body = self.read().partition(b"\r\n\r\n")
        assert b"application/problem+json" in head
        assert b"nosniff" in head
        assert b"connection: close" in head.lower()
        document: dict[str, Any] = json.loads(body)
        assert int(head.split()[1]) == document["status"]
        return document["status"], document["code"]


@pytest.fixture
def raw(api: httpx.Client) -> Iterator[Raw]:
    made = Raw(api)
    yield made
    made.socket.close()


def trickle(raw: Raw, data: bytes, count: int) -> None:
    """Send a byte at a time, far more slowly than anybody has to."""
    for index in range(count):
        raw.send(data[index % len(data) :][:1])
        time.sleep(0.05)


HEAD = b"POST /segment HTTP/1.1\r\nHost: localhost\r\n"
TOO_LARGE = {
    "one header without end": [HEAD + b"X: ", *[b"a" * 1000] * 400],
    "many headers": [HEAD, *[b"X: a\r\n"] * 100_000],
    "a name without end": [HEAD, *[b"a" * 1000] * 400],
    "a URL without end": [b"GET /", *[b"a" * 1000] * 400],
    "a complete head": [HEAD + b"X: " + b"a" * 5000 + b"\r\n\r\n"],
    "trailers": [
        HEAD + FORM + b"Transfer-Encoding: chunked\r\n\r\n3\r\n--x\r\n0\r\nX: ",
        *[b"a" * 1000] * 400,
    ],
    "a chunk's extension": [
        HEAD + FORM + b"Transfer-Encoding: chunked\r\n\r\n1;",
        *[b"a" * 1000] * 400,
    ],
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_headers_are_bounded(raw: Raw, case: str) -> None:
    raw.send(*TOO_LARGE[case])
    assert raw.problem() == (431, "headers_too_large")


SLOW = {
    "no headers": [b"GET / HTTP/1.1\r\n"],
    "half a line": [b"GE"],
    "no body": [HEAD + FORM + b"Content-Length: 100000\r\n\r\n"],
    "half a body": [HEAD + FORM + b"Content-Length: 100000\r\n\r\n", PART, bytes(50_000)],
    "half a chunk": [HEAD + FORM + b"Transfer-Encoding: chunked\r\n\r\n", b"ffff\r\n", PART],
    "half of JSON": [
        b"POST /tasks/0/refine HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b'Content-Length: 100\r\n\r\n{"box'
    ],
}


@pytest.mark.parametrize("case", SLOW)
def test_who_stops_sending_is_told_so(raw: Raw, case: str) -> None:
    raw.send(*SLOW[case])
    assert raw.problem() == (408, "client_too_slow")


@pytest.mark.parametrize("case", ["no headers", "half a body"])
def test_who_sends_byte_after_byte_gains_nothing(raw: Raw, case: str) -> None:
    raw.send(*SLOW[case])
    trickle(raw, b"a: b\r\n", 30)
    assert raw.problem() == (408, "client_too_slow")


def test_who_sends_nothing_is_left(raw: Raw) -> None:
    assert raw.read() == b""


def test_a_connection_that_is_kept_is_left_when_it_sends_half_a_request(raw: Raw) -> None:
    raw.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert raw.socket.recv(65536).startswith(b"HTTP/1.1 200 ")
    raw.send(b"GET /livez")
    assert raw.problem() == (408, "client_too_slow")


def test_who_does_not_read_an_answer_is_left(raw: Raw) -> None:
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.send(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    until = time.monotonic() + PATIENCE_S
    has_left = False
    while not has_left and time.monotonic() < until:
        try:
            # Empty lines before a request are nothing; once the other side has left they are reset.
            raw.socket.sendall(b"\r\n")
        except ConnectionError:
            has_left = True
        time.sleep(0.05)
    assert has_left


def test_an_answer_that_is_read_steadily_is_read_to_its_end(api: httpx.Client) -> None:
    with api.stream("GET", "/large") as answer:
        size = 0
        for part in answer.iter_raw(2_500_000):
            size += len(part)
            time.sleep(0.1)
    assert size == 50_000_000


def test_a_body_that_arrives_steadily_has_all_the_time_it_needs(api: httpx.Client) -> None:
    def body() -> Iterator[bytes]:
        yield PART + GOOD
        for _ in range(20):
            time.sleep(0.1)
            yield bytes(10_000)
        yield b"\r\n--x--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = api.post("/segment", content=body(), headers=headers)
    check_problem(answer, 422, "empty_prompt")


def test_many_small_chunks_are_a_body(api: httpx.Client) -> None:
    def body() -> Iterator[bytes]:
        yield PART
        for index in range(0, len(GOOD), 8):
            yield GOOD[index : index + 8]
        yield b"\r\n--x--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = api.post("/segment", content=body(), headers=headers)
    check_problem(answer, 422, "empty_prompt")


def test_what_is_sent_after_an_early_answer_is_bounded(raw: Raw) -> None:
    head = HEAD + b"Content-Type: text/plain\r\nContent-Length: 100000000000\r\n\r\n"
    raw.send(head, *[bytes(1_000_000)] * 50)
    assert b" 413 " in raw.read().partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "data", [b"what\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"\x16\x03\x01\x02\x00"]
)
def test_what_is_no_http_is_a_problem(raw: Raw, data: bytes) -> None:
    raw.send(data)
    assert raw.problem() == (400, "invalid_request")


def test_requests_that_wait_for_others_on_one_connection_are_bounded(raw: Raw) -> None:
    raw.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
    got = b""
    while got.count(b"HTTP/1.1 200 ") < 3:
        got += raw.socket.recv(65536)
    raw.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5000)
    assert raw.read().count(b"HTTP/1.1 ") < 100


def test_connections_beyond_the_limit_are_refused_and_free_again(api: httpx.Client) -> None:
    """The client of the fixture holds a connection, too, as long as it is kept."""
    crowd = [Raw(api) for _ in range(SETTINGS.max_connections)]
    for each in crowd:
        # Busy with a body, so that none of them is left before the last one has come.
        each.send(HEAD + FORM + b"Content-Length: 100000\r\n\r\n", PART, bytes(20_000))
    late = [Raw(api) for _ in range(5)]
    assert {each.problem() for each in late} == {(503, "too_many_connections")}
    assert {each.problem() for each in crowd} <= {
        (408, "client_too_slow"),
        (503, "too_many_connections"),
    }
    close(crowd + late)
    assert answers_again(api)


def close(connections: Sequence[Raw]) -> None:
    for each in connections:
        each.socket.close()


def answers_again(api: httpx.Client) -> bool:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with contextlib.suppress(httpx.TransportError):
            if api.get("/livez").status_code == 200:
                return True
        time.sleep(0.05)
    return False
