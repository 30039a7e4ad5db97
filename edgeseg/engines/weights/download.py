"""Downloads of weights: resumed where they broke off, checked, and in place only when whole."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from filelock import FileLock
from tqdm import tqdm

from edgeseg.engines.weights.store import (
    HUB_URL,
    MANIFEST,
    HubRepo,
    Source,
    WebFile,
    WeightStore,
    without_secrets,
)
from edgeseg.errors import EngineUnavailableError

if TYPE_CHECKING:
    from hashlib import _Hash

log = logging.getLogger(__name__)
ATTEMPTS = 4
LINE_EVERY_S = 10.0
_BLOCK = 1 << 20


@dataclass(frozen=True)
class _File:
    """One file to fetch, with the sum that its hub states: SHA-256, or the SHA-1 of a git blob."""

    name: str
    url: str
    size: int | None
    sha256: str | None = None
    git_sha1: str | None = None

    def hasher(self, size: int) -> _Hash:
        if self.sha256 is not None:
            return hashlib.sha256()
        return hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)

    def is_sum(self, digest: str) -> bool:
        return digest == (self.sha256 or self.git_sha1)


def download(store: WeightStore, source: Source) -> Path:
    """Fetch weights into the store and return where they are.

    A process that comes while another one downloads waits for it. Raises EngineUnavailableError
    for a hub that cannot be reached or refuses, and for content whose sum is wrong.
    """
    target = store.root / source.folder
    partial = target.with_name(target.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    # One process at a time; the system frees the lock of a process that dies.
    with FileLock(target.with_name(target.name + ".lock")), _client(store) as client:
        found = store.find(source)
        if found is not None:
            shutil.rmtree(partial, ignore_errors=True)
            return found
        try:
            commit, files = _list(store, source, client)
            log.info(
                "downloading %s to %s",
                source.address.replace(HUB_URL, without_secrets(store.hub_url)),
                target,
            )
            for each in files:
                _fetch(client, each, partial)
        except httpx.HTTPError as error:
            raise _failed(store, source, error) from error
        sizes = {each.name: (partial / each.name).stat().st_size for each in files}
        manifest = {"source": source.address, "revision": commit, "files": sizes}
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    found = store.find(source)
    if found is None:
        raise EngineUnavailableError(f"{source.address} holds none of the files that are needed.")
    return found


def _client(store: WeightStore) -> httpx.Client:
    # Compressed transfers could not be resumed at a byte.
    headers = {"accept-encoding": "identity", "user-agent": "edgeseg"}
    return httpx.Client(
        headers=headers, auth=_HubToken(store), follow_redirects=True, timeout=httpx.Timeout(30)
    )


class _HubToken(httpx.Auth):
    """Sends the token to the hub and to nobody else, whatever it redirects to."""

    def __init__(self, store: WeightStore) -> None:
        self._token = store.token
        self._host = httpx.URL(store.hub_url).host

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        if self._token and request.url.host == self._host:
            request.headers["authorization"] = f"Bearer {self._token}"
        yield request


def _list(store: WeightStore, source: Source, client: httpx.Client) -> tuple[str, list[_File]]:
    """Return the commit and the files to fetch."""
    if isinstance(source, WebFile):
        url = source.url
        if url.startswith(HUB_URL + "/"):
            url = store.hub_url + url.removeprefix(HUB_URL)
        return "", [_File(source.name, url, None, source.sha256)]
    # The hub's own listing states size and sum of every file at a commit.
    address = f"{store.hub_url}/api/models/{source.repo}/revision/{source.revision}"
    answer = client.get(address, params={"blobs": "true"})
    answer.raise_for_status()
    facts: dict[str, Any] = answer.json()
    base = f"{store.hub_url}/{source.repo}/resolve/{facts['sha']}"
    files = [
        _File(
            name=row["rfilename"],
            url=f"{base}/{row['rfilename']}",
            size=row.get("size"),
            sha256=(row.get("lfs") or {}).get("sha256"),
            git_sha1=row.get("blobId"),
        )
        for row in facts["siblings"]
        if source.wants(row["rfilename"])
    ]
    return str(facts["sha"]), files


def _fetch(client: httpx.Client, file: _File, folder: Path) -> None:
    """Bring one file into ``folder``, going on where an earlier try ended."""
    path = folder / file.name
    if path.exists():
        return
    part = path.with_name(path.name + ".part")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _stream(client, file, part)
            break
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            refused = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
            if attempt == ATTEMPTS or refused:
                raise
            log.warning("%s broke off (%s), going on", file.name, type(error).__name__)
            time.sleep(0.5 * 2**attempt if attempt > 1 else 0)
    if not file.is_sum(_digest(part, file)):
        part.unlink()
        raise EngineUnavailableError(
            f"{without_secrets(file.url)}: checksum mismatch: the file was deleted."
        )
    part.rename(path)


def _stream(client: httpx.Client, file: _File, part: Path) -> None:
    done = part.stat().st_size if part.exists() else 0
    if file.size is not None and done == file.size:
        return
    headers = {"range": f"bytes={done}-"} if done else {}
    with client.stream("GET", file.url, headers=headers) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return
        answer.raise_for_status()
        is_rest = answer.status_code == httpx.codes.PARTIAL_CONTENT
        start = done if is_rest else 0
        length = answer.headers.get("content-length")
        total = start + int(length) if length else file.size
        with (
            part.open("ab" if is_rest else "wb") as out,
            _progress(file.name, start, total) as bar,
        ):
            # In the pieces that arrive: larger ones would be lost when the connection is.
            for block in answer.iter_raw():
                out.write(block)
                bar.update(len(block))
            out.flush()
            os.fsync(out.fileno())


class _Lines(io.TextIOBase):
    """Where a bar is drawn that nobody watches: each state is a line of the log."""

    def write(self, text: str) -> int:
        if state := text.strip():
            log.info("%s", state)
        return len(text)


def _progress(name: str, start: int, total: int | None) -> tqdm[Any]:
    """Return a bar on a terminal; elsewhere, as in a container's log, a line now and then."""
    shown: dict[str, Any] = {}
    if not sys.stderr.isatty():
        shown = {"file": _Lines(), "mininterval": LINE_EVERY_S, "ascii": True, "ncols": 80}
    return tqdm(desc=name, initial=start, total=total, unit="B", unit_scale=True, **shown)


def _digest(path: Path, file: _File) -> str:
    hasher = file.hasher(path.stat().st_size)
    with path.open("rb") as data:
        while block := data.read(_BLOCK):
            hasher.update(block)
    return hasher.hexdigest()


def _failed(store: WeightStore, source: Source, error: httpx.HTTPError) -> EngineUnavailableError:
    status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
    advice = store.advice(source)
    if status in (401, 403) and isinstance(source, HubRepo):
        instead = f" Without it: {source.instead}." if source.instead else ""
        return EngineUnavailableError(
            f"{source.address} is gated: accept its licence there, and set HF_TOKEN to a token "
            f"that may read it.{instead}"
        )
    what = f"answered {status}" if status else f"cannot be reached ({type(error).__name__})"
    return EngineUnavailableError(f"{error.request.url.host} {what}. {advice}")
