"""What the UI's server passes on to the API: which paths and headers, how much, for how long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Message

from edgeseg.settings import Settings
from edgeseg.stack.processes import free_port
from frontend.proxy import FORM_BYTES, ApiProxy

TASK = "0123456789abcdef" * 2
Handler = Callable[[httpx.Request], Coroutine[Any, Any, httpx.Response]]


def ask(proxy: ApiProxy, method: str, path: str, **request: Any) -> httpx.Response:
    """Send one request to a server that has nothing but the proxy."""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=[proxy.route]))
        client = httpx.AsyncClient(transport=transport, base_url="http://ui")
        async with proxy.lifespan(None), client:
            return await client.request(method, f"/api{path}", **request)

    return asyncio.run(run())


def proxy_to(handler: Handler, **settings: Any) -> ApiProxy:
    given = Settings(api_url="http://api.example:8000", **settings)
    return ApiProxy(given, httpx.MockTransport(handler))


async def said(text: str) -> AsyncIterator[bytes]:
    """Yield a body as a server sends it, unread."""
    yield text.encode()


def recording(sent: list[httpx.Request], text: str = "yes", **answer: Any) -> Handler:
    async def handler(request: httpx.Request) -> httpx.Response:
        await request.aread()
        sent.append(request)
        return httpx.Response(**{"status_code": 200, "content": said(text), **answer})

    return handler


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/segment"), ("POST", "/simplify"), ("POST", "/masks"), ("POST", "/classes"),
        ("GET", f"/tasks/{TASK}"), ("DELETE", f"/tasks/{TASK}"), ("HEAD", f"/tasks/{TASK}"),
        ("GET", f"/tasks/{TASK}/events"), ("GET", f"/tasks/{TASK}/image"),
        ("POST", f"/tasks/{TASK}/refine"), ("GET", f"/tasks/{TASK}/export"),
        ("GET", "/export"), ("POST", "/export"), ("GET", "/engines"), ("GET", "/queue-status"),
        ("GET", "/health"), ("GET", "/openapi.json"),
    ],
)  # fmt: skip
def test_what_pages_use_is_passed_on(method: str, path: str) -> None:
    sent: list[httpx.Request] = []
    assert ask(proxy_to(recording(sent)), method, path).status_code == 200
    assert [(each.method, str(each.url)) for each in sent] == [
        (method, f"http://api.example:8000{path}")
    ]


def test_the_documentation_is_where_the_api_is() -> None:
    sent: list[httpx.Request] = []
    answer = ask(proxy_to(recording(sent)), "GET", "/docs")
    assert (answer.status_code, answer.headers["location"], sent) == (
        307, "http://api.example:8000/docs", [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/metrics"), ("GET", "/"), ("POST", "/engines"), ("PUT", "/segment"),
        ("POST", "/entities"), ("GET", "/tasks/x"), ("GET", f"/tasks/{TASK}/image/"),
        ("GET", f"/tasks/{TASK}%2F..%2F..%2Fmetrics"), ("GET", "//other.example/health"),
        ("GET", f"/tasks/{TASK.upper()}"),
    ],
)  # fmt: skip
def test_nothing_else_reaches_the_api(method: str, path: str) -> None:
    sent: list[httpx.Request] = []
    answer = ask(proxy_to(recording(sent)), method, path)
    assert (answer.status_code, sent) == (404, [])


def test_the_request_goes_on_as_it_came_without_what_is_for_the_ui_alone() -> None:
    sent: list[httpx.Request] = []
    headers = {
        "Idempotency-Key": "once", "Prefer": "respond-async", "Cookie": "_streamlit_xsrf=secret",
        "Origin": "http://ui", "Authorization": "Basic x", "Content-Type": "text/plain",
    }  # fmt: skip
    ask(proxy_to(recording(sent)), "POST", "/export?a=1&b=%26", headers=headers, content=b"\0body")
    (request,) = sent
    assert request.content == b"\0body"
    assert request.url.query == b"a=1&b=%26"
    assert request.headers["host"] == "api.example:8000"
    kept = {name: request.headers.get(name) for name in (*map(str.lower, headers),)}
    assert kept == {
        "idempotency-key": "once", "prefer": "respond-async", "content-type": "text/plain",
        "cookie": None, "origin": None, "authorization": None,
    }  # fmt: skip


def test_the_answer_comes_back_as_it_is_without_what_concerns_one_connection() -> None:
    headers = {
        "Location": f"/tasks/{TASK}", "Connection": "close", "Keep-Alive": "timeout=5",
        "Content-Type": "application/problem+json", "Retry-After": "2",
    }  # fmt: skip
    handler = recording([], '{"code": "queue_full"}', status_code=503, headers=headers)
    answer = ask(proxy_to(handler), "GET", "/health")
    assert (answer.status_code, answer.json()) == (503, {"code": "queue_full"})
    assert answer.headers["location"] == f"/api/tasks/{TASK}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "2"
    assert not {"connection", "keep-alive"} & set(answer.headers)


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_ends_where_the_api_would_refuse_it(announced: bool) -> None:
    read: list[int] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        read.append(len(await request.aread()))
        return httpx.Response(200, content=said(""))

    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield bytes(1000)

    def send(size_kb: int) -> httpx.Response:
        content: Any = bytes(1000 * size_kb) if announced else pieces(size_kb)
        proxy = proxy_to(handler, max_image_bytes=10_000)
        return ask(proxy, "POST", "/segment", content=content)

    fits_kb = (10_000 + FORM_BYTES) // 1000
    assert send(fits_kb).status_code == 200
    answer = send(fits_kb + 1)
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")
    assert read == [1000 * fits_kb]


def test_an_api_that_is_away_is_named_at_once() -> None:
    proxy = ApiProxy(Settings(api_url=f"http://127.0.0.1:{free_port()}"))
    answer = ask(proxy, "GET", "/engines")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unavailable"
    assert "does not answer" in answer.json()["detail"]


def test_who_leaves_is_not_answered_and_the_api_is_left_too() -> None:
    left: list[str] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        await request.aread()
        try:
            await asyncio.sleep(3600)
        finally:
            left.append(request.url.path)
        return httpx.Response(200)

    messages: list[Message] = [
        {"type": "http.request", "body": json.dumps({}).encode()},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    path = f"/api/tasks/{TASK}/refine"
    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [],
    }  # fmt: skip
    asyncio.run(proxy_to(handler)(scope, receive, send))
    assert left == [f"/tasks/{TASK}/refine"]
