"""The HTTP pages of a worker: /metrics for Prometheus, /health and /livez for probes.

Prometheus reaches workers by whatever name its network gives them: a Compose service, a container,
a pod. The pages hold no secret, so the ``Host`` header is checked on loopback alone, where the
address is meant to keep the pages from everybody but this machine.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from edgeseg.hosts import is_trusted_host
from edgeseg.worker.telemetry import Pulse, WorkerTelemetry

MAX_CONNECTIONS = 32
# From the first byte of a connection to the last one of its answer.
MAX_SECONDS = 10.0


class WorkerPage:
    """Serves the pages from a thread of its own until it is closed."""

    def __init__(
        self,
        host: str,
        port: int,
        telemetry: WorkerTelemetry,
        pulse: Pulse,
        host_names: Sequence[str] = (),
    ) -> None:
        address = socket.gethostbyname(host)
        checked = host_names if ipaddress.ip_address(address).is_loopback else ("*",)
        handler = partial(_Handler, telemetry, pulse, checked)
        self._server = _Server((address, port), handler)
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


class _Server(ThreadingHTTPServer):
    """A thread for each connection, but never more than MAX_CONNECTIONS."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        super().__init__(address, handler)
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread, or close it where too many are open."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection to its end."""
        deadline = threading.Timer(MAX_SECONDS, _hang_up, (request,))
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever was too slow has left."""


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET; anything else is refused by the base class."""

    def __init__(
        self, telemetry: WorkerTelemetry, pulse: Pulse, host_names: Sequence[str], *request: Any
    ) -> None:
        self.telemetry, self.pulse, self.host_names = telemetry, pulse, host_names
        super().__init__(*request)

    def do_GET(self) -> None:
        """Answer one page."""
        hosts = self.headers.get_all("host") or []
        if len(hosts) != 1 or not is_trusted_host(hosts[0], self.host_names):
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, b"host not allowed\n")
        elif self.path == "/metrics":
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
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
