"""Fetching images by URL, so that nobody reaches through the server what only it can reach."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from functools import lru_cache
from typing import IO, Any
from urllib.parse import unquote, urljoin

import httpcore
import httpx
from anyio import CapacityLimiter

from backend.addresses import is_public
from edgeseg.errors import (
    FetchFailedError,
    ImageTooLargeError,
    InvalidParameterError,
    UrlNotAllowedError,
)
from edgeseg.settings import Settings

MAX_REDIRECTS = 3
MAX_URL_CHARS = 4000
# Images that one process fetches at once.
MAX_FETCHES = 8
_PORTS = {"http": 80, "https": 443}
_CONNECT_TIMEOUT_S = 5.0


def is_url(text: str) -> bool:
    """Whether a text is meant as a URL."""
    return text[:8].lower().startswith(("http://", "https://"))


def file_name_of(url: str) -> str:
    """Return the name of the file that a URL ends in; empty where there is none."""
    return unquote(httpx.URL(url).path.rpartition("/")[2])


class Fetcher:
    """Fetches images from the hosts that the settings allow.

    Every connection is made to an address that was checked, redirects included: the name is
    resolved once, and no proxy of the environment is used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limiter = CapacityLimiter(MAX_FETCHES)

    async def fetch(self, url: str, out: IO[bytes], headers: dict[str, str] | None = None) -> None:
        """Write the file at a URL to ``out``; its media type is of no interest.

        ``headers`` are sent to the host of the URL alone, not to one that it redirects to.

        Raises:
            UrlNotAllowedError: the settings allow no such URL, or it leads to such an address.
            FetchFailedError: there is no answer, no file, or not in time.
            ImageTooLargeError: the file is larger than an image may be.
        """
        if self._settings.fetch_urls == "off":
            raise UrlNotAllowedError(
                "Images are not fetched from URLs here: send the file, or set EDGESEG_FETCH_URLS."
            )
        timeout_s = self._settings.fetch_timeout_s
        try:
            async with asyncio.timeout(timeout_s), self._limiter:
                await self._follow(url, out, headers or {})
        except TimeoutError:
            raise FetchFailedError(f"The image was not fetched within {timeout_s:g} s.") from None

    async def _follow(self, url: str, out: IO[bytes], headers: dict[str, str]) -> None:
        origin = _parse(url).netloc
        for _ in range(MAX_REDIRECTS + 1):
            parsed = _parse(url)
            sent = headers if parsed.netloc == origin else {}
            location = await self._get(parsed, out, sent)
            if location is None:
                return
            url = _follow_to(url, location)
        raise FetchFailedError(f"The URL redirects more than {MAX_REDIRECTS} times.")

    async def _get(self, url: httpx.URL, out: IO[bytes], headers: dict[str, str]) -> str | None:
        """Write the answer to ``out``, or return where it redirects to."""
        port = url.port or _PORTS[url.scheme]
        is_listed = _is_listed(url.host, port, self._settings.fetch_hosts)
        self._require_allowed(url, is_listed)
        backend = _CheckedBackend(is_listed)
        sent = {
            "Host": url.netloc.decode("ascii"),
            "Accept": "image/*, */*;q=0.5",
            "Accept-Encoding": "identity",
            **headers,
        }
        timeouts = dict.fromkeys(("read", "write", "pool"), self._settings.fetch_timeout_s)
        try:
            async with (
                httpcore.AsyncConnectionPool(_tls(), network_backend=backend) as pool,
                pool.stream(
                    "GET",
                    _target(url, port),
                    headers=list(sent.items()),
                    extensions={"timeout": {"connect": _CONNECT_TIMEOUT_S, **timeouts}},
                ) as response,
            ):
                return await self._read(response, out)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise FetchFailedError(
                f"The image could not be fetched from {url.host[:200]}: {type(error).__name__}."
            ) from error

    def _require_allowed(self, url: httpx.URL, is_listed: bool) -> None:
        if is_listed:
            return
        if self._settings.fetch_urls == "hosts":
            raise UrlNotAllowedError(
                f"Images are not fetched from {url.host[:200]!r}: add it to EDGESEG_FETCH_HOSTS."
            )
        if url.port not in (None, *_PORTS.values()):
            raise UrlNotAllowedError("Images are fetched from the ports 80 and 443 alone.")

    async def _read(self, response: httpcore.Response, out: IO[bytes]) -> str | None:
        fields = {name.lower(): value for name, value in response.headers}
        if response.status in (301, 302, 303, 307, 308) and b"location" in fields:
            return fields[b"location"].decode("latin-1")[:MAX_URL_CHARS]
        if response.status != 200:
            raise FetchFailedError(f"The URL answered {response.status}.", answered=response.status)
        if fields.get(b"content-encoding", b"identity").lower() != b"identity":
            raise FetchFailedError("The URL answered with a compressed file, unasked.")
        size, limit = 0, self._settings.max_image_bytes
        async for chunk in response.aiter_stream():
            size += len(chunk)
            if size > limit:
                raise ImageTooLargeError(
                    f"The image at the URL is larger than {limit} bytes.", limit_bytes=limit
                )
            out.write(chunk)
        return None


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to a name's address that was checked; TLS goes on to check the name."""

    def __init__(self, is_listed: bool) -> None:
        self._is_listed = is_listed
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve a name, refuse what is not public, and connect to what was resolved."""
        addresses = await _resolve(host, port)
        if not self._is_listed and not all(map(is_public, addresses)):
            # Which address it is tells nobody outside how the network is made.
            raise UrlNotAllowedError(f"{host[:200]!r} has an address that is not public.")
        error: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise httpcore.ConnectError from error


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        rows = await loop.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchFailedError(f"{host[:200]!r} has no address.") from error
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


def _parse(url: str) -> httpx.URL:
    """Return a URL whose parts are valid; raise InvalidParameterError for anything else."""
    try:
        parsed = httpx.URL(url) if len(url) <= MAX_URL_CHARS else httpx.URL("")
        parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError, ValueError):
        parsed = httpx.URL("")
    is_port = parsed.port is None or 0 < parsed.port < 2**16
    if parsed.scheme not in _PORTS or not parsed.host or parsed.userinfo or not is_port:
        raise InvalidParameterError(
            "Expected a URL http://HOST/… or https://HOST/… without a user name, of at most "
            f"{MAX_URL_CHARS} characters."
        )
    return parsed


def _follow_to(url: str, location: str) -> str:
    following = urljoin(url, location)
    if _parse(url).scheme == "https" and not following.lower().startswith("https://"):
        raise FetchFailedError("The URL redirects from https to another scheme.")
    if not is_url(following):
        raise FetchFailedError("The URL redirects to another scheme than http or https.")
    return following


def _target(url: httpx.URL, port: int) -> httpcore.URL:
    return httpcore.URL(scheme=url.scheme, host=url.raw_host, port=port, target=url.raw_path)


def _is_listed(host: str, port: int, names: Iterable[str]) -> bool:
    given = [name.strip().lower() for name in names]
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed in given or host in given or f"{bracketed}:{port}" in given


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
