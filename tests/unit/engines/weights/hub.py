"""A hub in this process: lists a repository, serves its files, and breaks off when told to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Asked(NamedTuple):
    """One request as the hub received it."""

    method: str
    path: str
    range: str | None
    authorization: str | None


@dataclass
class Hub:
    """What it serves, and what it was asked.

    ``storage`` is the URL of another server that it sends readers of files to, as the public hub
    does; ``damaged`` are contents that differ from what the listing states.
    """

    files: dict[str, bytes]
    url: str = ""
    break_after: int | None = None
    token: str | None = None
    storage: str | None = None
    is_down: bool = False
    damaged: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def downloads(self) -> list[Asked]:
        """Return the requests for the content of files."""
        return [each for each in self.asked if each.method == "GET" and "/api/" not in each.path]

    def checksum(self, name: str) -> str:
        """Return the SHA-256 of a large file, or the git checksum of a small one."""
        content = self.files[name]
        if name.endswith((".safetensors", ".pth")):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def listing(self) -> bytes:
        """Return the repository's listing as the hub writes it."""
        rows = [
            {
                "rfilename": name,
                "size": len(content),
                "blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
                "lfs": {
                    "sha256": self.checksum(name),
                    "size": len(content),
                    "pointerSize": 134,
                }
                if name.endswith((".safetensors", ".pth"))
                else None,
            }
            for name, content in self.files.items()
        ]
        return json.dumps({"id": "owner/model", "sha": COMMIT, "siblings": rows}).encode()


@contextmanager
def serving(hub: Hub, host: str = "127.0.0.1") -> Iterator[Hub]:
    """Serve on a free port while the block runs."""

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, token = self.served, self.headers["authorization"]
        hub.asked.append(Asked(self.command, self.path, self.headers["range"], token))
        name = next((each for each in hub.files if self.path.endswith(f"/{each}")), None)
        if hub.is_down:
            self.send_error(503)
        elif hub.token and token != f"Bearer {hub.token}":
            self.send_error(401)
        elif self.path.startswith("/api/models/owner/model/revision/"):
            self._answer(hub.listing())
        elif name is None:
            self.send_error(404)
        elif hub.storage is not None:
            self._redirect(name, f"{hub.storage}/{name}")
        else:
            self._answer(hub.damaged.get(name, hub.files[name]), name)

    def _redirect(self, name: str, url: str) -> None:
        self.send_response(302)
        self._describe(name)
        self.send_header("location", url)
        self.send_header("content-length", "0")
        self.end_headers()

    def _describe(self, name: str) -> None:
        hub = self.served
        self.send_header("x-repo-commit", COMMIT)
        self.send_header("x-linked-etag", f'"{hub.checksum(name)}"')
        self.send_header("x-linked-size", str(len(hub.files[name])))

    def _answer(self, content: bytes, name: str | None = None) -> None:
        hub, part = self.served, self.headers["range"]
        rest = content[int(part.removeprefix("bytes=").rstrip("-")) :] if part else content
        self.send_response(206 if part else 200)
        if name is not None:
            self._describe(name)
        self.send_header("content-length", str(len(rest)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if hub.break_after is not None and len(rest) > hub.break_after:
            rest, hub.break_after = rest[: hub.break_after], None
        self.wfile.write(rest)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
