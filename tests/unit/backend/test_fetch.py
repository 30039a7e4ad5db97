"""Images by URL: fetched from where the settings allow, and from nowhere else."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from backend.addresses import is_public
from backend.fetch import Fetcher, file_name_of
from edgeseg.errors import (
    EdgeSegError,
    FetchFailedError,
    ImageTooLargeError,
    InvalidParameterError,
    UrlNotAllowedError,
)
from edgeseg.settings import Settings


class Site(BaseHTTPRequestHandler):
    """A site with redirects, large, slow and odd files; it notes what it was asked."""

    asked: ClassVar[list[tuple[str, str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Host"], self.headers.get("Authorization")))
        kind, _, rest = self.path.strip("/").partition("/")
        if kind == "to":
            self.send_response(302)
            self.send_header("Location", rest if "://" in rest else f"/{rest}")
            self.end_headers()
            return
        self.send_response(404 if kind == "missing" else 200)
        if kind == "packed":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        try:
            for _ in range(100 if kind in ("large", "slow") else 1):
                self.wfile.write(b"x" * 1000)
                if kind == "slow":
                    time.sleep(0.05)
        except OSError:
            pass

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    """The address of a site on loopback."""
    Site.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def fetch(url: str, headers: dict[str, str] | None = None, **settings: Any) -> bytes:
    out = io.BytesIO()
    given = {"fetch_urls": "public", "max_image_bytes": 10_000, **settings}
    asyncio.run(Fetcher(Settings.model_validate(given)).fetch(url, out, headers))
    return out.getvalue()


def refusal(url: str, **settings: Any) -> type[EdgeSegError]:
    with pytest.raises(EdgeSegError) as caught:
        fetch(url, **settings)
    return type(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "168.63.129.16", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "198.18.0.1", "192.0.0.192", "::", "::1", "fe80::1", "fe80::1%1"),
        *("fd00:ec2::254", "ff02::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::8.8.8.8"),
        *("64:ff9b::7f00:1", "64:ff9b::808:808", "2002:7f00:1::", "2002:808:808::"),
        *("2001:0:808:808::1", "fec0::1", "2001:db8::1", "name", "", "8.8.8"),
    ],
)
def test_an_address_that_only_the_server_reaches_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111"])
def test_others_are_public(address: str) -> None:
    assert is_public(address)


def test_nothing_is_fetched_unless_it_is_switched_on(site: str) -> None:
    assert Settings().fetch_urls == "off"
    assert refusal(f"http://{site}/a", fetch_urls="off", fetch_hosts=[site]) is UrlNotAllowedError
    assert Site.asked == []


def test_a_listed_host_may_be_private(site: str) -> None:
    host, port = site.split(":")
    for urls in ("hosts", "public"):
        for listed in (site, host):
            assert fetch(f"http://{site}/a.jpg", fetch_urls=urls, fetch_hosts=[listed])
        other = f"{host}:{int(port) + 1}"
        assert refusal(f"http://{site}/a", fetch_urls=urls, fetch_hosts=[other]) is (
            UrlNotAllowedError
        )


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0"]
)
def test_loopback_is_refused_however_it_is_written(site: str, host: str) -> None:
    assert refusal(f"http://{host}/a") is UrlNotAllowedError
    assert refusal(f"http://{host}:{site.split(':')[1]}/a") is UrlNotAllowedError
    assert Site.asked == []


def test_a_redirect_is_checked_again(site: str) -> None:
    other = "localhost:" + site.split(":")[1]
    assert fetch(f"http://{site}/to/a", fetch_hosts=[site]) == b"x" * 1000
    assert refusal(f"http://{site}/to/http://{other}/secret", fetch_hosts=[site]) is (
        UrlNotAllowedError
    )
    assert [path for path, _, _ in Site.asked] == ["/to/a", "/a", f"/to/http://{other}/secret"]
    assert refusal(f"http://{site}/to/file:///etc/passwd", fetch_hosts=[site]) is FetchFailedError
    assert refusal(f"http://{site}" + "/to" * 4 + "/a", fetch_hosts=[site]) is FetchFailedError
    assert fetch(f"http://{site}" + "/to" * 3 + "/a", fetch_hosts=[site])


def test_credentials_are_for_the_host_alone(site: str) -> None:
    other = "localhost:" + site.split(":")[1]
    sent = {"Authorization": "Token abc"}
    assert fetch(f"http://{site}/to/http://{other}/a", sent, fetch_hosts=[site, other])
    assert [(host, token) for _, host, token in Site.asked] == [(site, "Token abc"), (other, None)]


def test_the_name_is_resolved_once_and_connected_to_what_was_checked(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["93.184.216.34", "127.0.0.1"])
    resolved, connected = [], []

    async def resolve(*_: Any, **__: Any) -> list[Any]:
        resolved.append(next(answers))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (resolved[-1], 80))]

    async def connect(_: Any, host: str, *__: Any, **___: Any) -> None:
        connected.append(host)
        raise OSError("no network in a test")

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", resolve)
    monkeypatch.setattr("httpcore.AnyIOBackend.connect_tcp", connect)
    with pytest.raises(OSError, match="no network"):
        fetch("http://rebinding.example/a")
    assert resolved == connected == ["93.184.216.34"]


def test_one_address_that_is_private_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", (each, 80)) for each in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", resolve)
    assert refusal("http://both.example/a") is UrlNotAllowedError


def test_size_and_time_are_bounded(site: str) -> None:
    assert refusal(f"http://{site}/large", fetch_hosts=[site]) is ImageTooLargeError
    limits: dict[str, Any] = {"max_image_bytes": 10**6, "fetch_hosts": [site]}
    assert len(fetch(f"http://{site}/large", **limits)) == 100_000
    assert refusal(f"http://{site}/slow", fetch_timeout_s=0.3, **limits) is FetchFailedError


def test_an_answer_that_is_no_file_is_refused(site: str) -> None:
    for path in ("missing", "packed"):
        assert refusal(f"http://{site}/{path}", fetch_hosts=[site]) is FetchFailedError
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = f"127.0.0.1:{closed.getsockname()[1]}"
        assert refusal(f"http://{away}/a", fetch_hosts=[away]) is FetchFailedError


@pytest.mark.parametrize(
    "url",
    [
        "http://user:word@127.0.0.1/a",
        "http:///a",
        "http://",
        "http://[::1/a",
        "http://127.0.0.1:99999/",
        "https://" + "a" * 5000,
        "http://\ud800/",
    ],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    assert refusal(url) is InvalidParameterError


def test_the_name_of_a_file_is_the_end_of_its_url() -> None:
    assert file_name_of("http://a/b/photo%20one.jpg?size=2#top") == "photo one.jpg"
    assert file_name_of("http://a") == ""
