"""The UI's server answers our hosts, and WebSockets of its own pages, only."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import httpx
import pytest

from edgeseg.stack.local import EmbeddedStack

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/_stcore/host-config"])
def test_pages(stack: EmbeddedStack, path: str) -> None:
    answer = httpx.get(f"{stack.ui_url}{path}")
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(f"{stack.ui_url}{path}", headers={"Host": "10.1.2.3"}).status_code == 200
    refused = httpx.get(f"{stack.ui_url}{path}", headers={"Host": "evil.example"})
    assert refused.status_code == 421


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost", "http://localhost", 101),
        ("evil.example", "http://evil.example", 403),
        ("localhost", "http://evil.example", 403),
    ],
)
def test_web_sockets(stack: EmbeddedStack, host: str, origin: str, status: int) -> None:
    assert stack.ui_url is not None
    connection = http.client.HTTPConnection(urlsplit(stack.ui_url).netloc)
    headers = {**UPGRADE, "Host": host, "Origin": origin}
    connection.request("GET", "/_stcore/stream", headers=headers)
    assert connection.getresponse().status == status
    connection.close()
