"""The HTTP pages of a worker: /metrics for Prometheus, /health and /livez for probes."""

from __future__ import annotations

import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from edgeseg.worker.telemetry import Pulse, WorkerTelemetry


class WorkerPage:
    """Serves the pages from a thread of its own until it is closed."""

    def __init__(self, host: str, port: int, telemetry: WorkerTelemetry, pulse: Pulse) -> None:
        handler = partial(_Handler, telemetry, pulse)
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="pages", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers GET; anything else is refused by the base class."""

    def __init__(self, telemetry: WorkerTelemetry, pulse: Pulse, *request: Any) -> None:
        self.telemetry, self.pulse = telemetry, pulse
        super().__init__(*request)

    def do_GET(self) -> None:
        """Answer one page."""
        if self.path == "/metrics":
            self._answer(HTTPStatus.OK, generate_latest(self.telemetry.registry))
        elif self.path == "/livez":
            self._answer(HTTPStatus.OK, b"alive\n")
        elif self.path == "/health":
            if self.pulse.is_alive():
                self._answer(HTTPStatus.OK, b"ok\n")
            else:
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, b"not registered\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"/metrics, /health, /livez\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: probes come every few seconds."""

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        is_metrics = self.path == "/metrics"
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST if is_metrics else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
