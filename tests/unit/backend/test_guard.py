"""Hosts and origins that are refused, and what browsers are told."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from backend import create_app
from backend.security_headers import page_policy
from edgeseg.settings import Settings
from tests.unit.backend.test_problems import check_problem, served


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    """An API whose Redis is away; what a guard lets through is another error than the guard's."""
    settings = Settings(
        redis_host="127.0.0.1",
        redis_port=1,
        allowed_hosts=("seg.example.com", "*.lan.example"),
        api_url="http://backend:8000",
    )
    with served(create_app(settings)) as client:
        yield client


OURS = [
    "localhost:8000",
    "LOCALHOST",
    "app.localhost",
    "127.0.0.1",
    "[::1]:8000",
    "10.42.0.7:8000",
    "seg.example.com",
    "seg.example.com.:443",
    "a.lan.example",
    "backend:8000",
]
FOREIGN = [
    "evil.example",
    "evil.example:8000",
    "seg.example.com.evil.example",
    "evilseg.example.com",
    "lan.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "localhost@evil.example",
    "evil.example#localhost",
    "127.0.0.1 evil.example",
    "",
    ":8000",
    "[::1].evil.example",
]


@pytest.mark.parametrize("host", OURS)
def test_our_names_and_addresses_are_answered(api: httpx.Client, host: str) -> None:
    assert api.get("/livez", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/health", "/docs", "/metrics", "/nowhere"])
@pytest.mark.parametrize("host", FOREIGN)
def test_other_hosts_are_refused_everywhere(api: httpx.Client, path: str, host: str) -> None:
    check_problem(api.get(path, headers={"Host": host}), 421, "host_not_allowed")


@pytest.mark.parametrize("hosts", [["localhost", "evil.example"], []])
def test_two_hosts_or_none_are_refused(api: httpx.Client, hosts: list[str]) -> None:
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    port = api.base_url.port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET /livez HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 421 ")
    assert b'"code":"host_not_allowed"' in answer


WRITES = [
    ("POST", "/segment"),
    ("POST", "/detect"),
    ("POST", "/simplify"),
    ("POST", "/export"),
    ("POST", f"/tasks/{'0' * 32}/refine"),
    ("DELETE", f"/tasks/{'0' * 32}"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8501"},
    ],
)
def test_writes_of_other_origins_are_refused(
    api: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    check_problem(api.request(method, path, headers=headers), 403, "origin_not_allowed")


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_programs_and_our_own_pages_may_write(api: httpx.Client, method: str, path: str) -> None:
    own = str(api.base_url).rstrip("/")
    for headers in ({}, {"Origin": own}, {"Sec-Fetch-Site": "same-origin", "Origin": own}):
        code = api.request(method, path, headers=headers).json()["code"]
        assert code not in ("origin_not_allowed", "host_not_allowed")


def test_pages_of_other_origins_may_link_here(api: httpx.Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert api.get("/docs", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/docs/oauth2-redirect", "/openapi.json", "/nowhere", "/health"]
)
def test_every_answer_tells_browsers_how_little_it_may_do(api: httpx.Client, path: str) -> None:
    headers = api.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "'unsafe-inline'" not in headers["content-security-policy"].split("style-src")[0]


def test_an_unexpected_error_has_these_headers_too() -> None:
    app = create_app(Settings(redis_host="127.0.0.1", redis_port=1))

    @app.get("/breaks")
    def breaks() -> None:
        raise RuntimeError("a secret")

    with served(app) as client:
        assert client.get("/breaks").headers["x-content-type-options"] == "nosniff"


def test_a_page_may_load_from_a_cdn_that_it_names() -> None:
    policy = page_policy(b'<script src="https://cdn.example/a.js"></script><script>run()</script>')
    assert "script-src 'self' 'sha256-" in policy
    assert policy.count("https://cdn.example") == 3
