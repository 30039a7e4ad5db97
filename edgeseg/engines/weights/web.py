"""Downloads of single files: resumed where they broke off, and checked by their SHA-256."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from edgeseg.engines.weights.sources import HUB_URL, WebFile, without_secrets
from edgeseg.engines.weights.transfer import Access, Checked, Progress
from edgeseg.errors import EngineUnavailableError

log = logging.getLogger(__name__)
ATTEMPTS = 4


def fetch_file(source: WebFile, folder: Path, access: Access) -> None:
    """Bring a file into ``folder``; the rest of it where an earlier attempt left a part.

    One that is there and has its checksum stays.
    Raises EngineUnavailableError for a server that cannot be reached or refuses, and for content
    whose checksum is wrong.
    """
    known, path = Checked(source.name, source.sha256), folder / source.name
    if path.is_file() and known.matches(path):
        return
    url = source.url
    if url.startswith(HUB_URL + "/"):
        url = access.hub_url + url.removeprefix(HUB_URL)
    part = folder / f"{source.name}.part"
    try:
        with _client(access) as client:
            _stream_with_retries(client, url, part)
    except httpx.HTTPError as error:
        raise EngineUnavailableError(f"{_what_failed(error)}. {access.advice}") from error
    known.require(part, without_secrets(url))
    part.rename(path)


def _client(access: Access) -> httpx.Client:
    # Compressed transfers could not be resumed at a byte.
    headers = {"accept-encoding": "identity", "user-agent": "edgeseg"}
    return httpx.Client(
        headers=headers, auth=_HubToken(access), follow_redirects=True, timeout=httpx.Timeout(30)
    )


class _HubToken(httpx.Auth):
    """Sends the token to the hub and to nobody else, whatever it redirects to."""

    def __init__(self, access: Access) -> None:
        self._token = access.token
        hub = httpx.URL(access.hub_url)
        self._origin = (hub.scheme, hub.host, hub.port)

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        url = request.url
        if self._token and (url.scheme, url.host, url.port) == self._origin:
            request.headers["authorization"] = f"Bearer {self._token}"
        yield request


def _stream_with_retries(client: httpx.Client, url: str, part: Path) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _stream(client, url, part)
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            refused = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
            if attempt == ATTEMPTS or refused:
                raise
            log.warning("%s broke off (%s), going on", part.stem, type(error).__name__)
            time.sleep(0.5 * 2**attempt if attempt > 1 else 0)
    return None


def _stream(client: httpx.Client, url: str, part: Path) -> None:
    done = part.stat().st_size if part.exists() else 0
    headers = {"range": f"bytes={done}-"} if done else {}
    with client.stream("GET", url, headers=headers) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return
        answer.raise_for_status()
        is_rest = answer.status_code == httpx.codes.PARTIAL_CONTENT
        start = done if is_rest else 0
        length = answer.headers.get("content-length")
        total = start + int(length) if length else None
        with (
            part.open("ab" if is_rest else "wb") as out,
            Progress(
                desc=part.stem, initial=start, total=total, unit="B", unit_scale=True
            ) as progress,
        ):
            # In the pieces that arrive: larger ones would be lost when the connection is.
            for block in answer.iter_raw():
                out.write(block)
                progress.update(len(block))
            out.flush()
            os.fsync(out.fileno())


def _what_failed(error: httpx.HTTPError) -> str:
    host = error.request.url.host
    if isinstance(error, httpx.HTTPStatusError):
        return f"{host} answered {error.response.status_code}"
    return f"{host} cannot be reached ({type(error).__name__})"
