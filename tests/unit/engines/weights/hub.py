"""A hub in this process: lists a repository, serves its files, and breaks off when told to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What it serves, and what it was asked: (path, range, authorization) of each request."""

    files: dict[str, bytes]
    url: str = ""
    break_after: int | None = None
    token: str | None = None
    is_down: bool = False
    sums: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    def listing(self) -> bytes:
        """Return the repository's listing as the hub writes it."""
        rows = [
            {
                "rfilename": name,
                "size": len(content),
                "blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
                "lfs": {"sha256": self.sums.get(name, hashlib.sha256(content).hexdigest())}
                if name.endswith((".safetensors", ".pth"))
                else None,
            }
            for name, content in self.files.items()
        ]
        return json.dumps({"sha": COMMIT, "siblings": rows}).encode()


@contextmanager
def serving(hub: Hub, host: str = "127.0.0.1") -> Iterator[Hub]:
    """Serve on a free port while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            spot, asked_range = self.path, self.headers["range"]
            hub.asked.append((spot, asked_range, self.headers["authorization"]))
            if hub.is_down:
                self.send_error(503)
            elif hub.token and self.headers["authorization"] != f"Bearer {hub.token}":
                self.send_error(401)
            elif spot.startswith("/api/models/owner/model/revision/"):
                self._answer(hub.listing(), None)
            elif name := next((each for each in hub.files if spot.endswith(f"/{each}")), None):
                self._answer(hub.files[name], asked_range)
            else:
                self.send_error(404)

        def _answer(self, content: bytes, asked_range: str | None) -> None:
            start = int(asked_range.removeprefix("bytes=").rstrip("-")) if asked_range else 0
            rest = content[start:]
            self.send_response(206 if asked_range else 200)
            self.send_header("content-length", str(len(rest)))
            self.end_headers()
            if hub.break_after is not None and len(rest) > hub.break_after:
                rest, hub.break_after = rest[: hub.break_after], None
            self.wfile.write(rest)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

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
