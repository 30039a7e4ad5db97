"""Prometheus metrics of the backend, and the middleware that counts requests."""

from __future__ import annotations

import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgeseg.tasks import QueueView

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Telemetry:
    """The metrics of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "edgeseg_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self.errors = Counter(
            "edgeseg_errors",
            "Requests answered with an error, by code.",
            ["code"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "edgeseg_request_seconds",
            "Time until the answer began.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "edgeseg_stage_seconds",
            "Time of each stage of the tasks answered; queue is the wait.",
            ["stage"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.key_requests = Counter(
            "edgeseg_key_requests",
            "Requests answered, by the name of the key that they were sent with.",
            ["key", "status"],
            registry=self.registry,
        )
        self._up = Gauge("edgeseg_redis_up", "1 when Redis answers.", registry=self.registry)
        self._jobs = Gauge(
            "edgeseg_queue_jobs",
            "Jobs that wait, run or failed for good.",
            ["queue", "state"],
            registry=self.registry,
        )
        self._workers = Gauge(
            "edgeseg_workers", "Live workers.", ["queue", "state"], registry=self.registry
        )

    def exposition(self, views: Mapping[str, QueueView] | None) -> bytes:
        """Return all metrics as text; ``views`` is None while Redis is away."""
        self._up.set(0 if views is None else 1)
        self._jobs.clear()
        self._workers.clear()
        for view in (views or {}).values():
            for state in ("waiting", "running", "failed"):
                self._jobs.labels(view.name, state).set(getattr(view, state))
            for state in ("idle", "busy"):
                busy = sum(worker.state == "busy" for worker in view.workers)
                count = busy if state == "busy" else len(view.workers) - busy
                self._workers.labels(view.name, state).set(count)
        return generate_latest(self.registry)


class CountRequests:
    """Middleware: counts answers by route and status, and times them."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app = app
        self.telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "unknown")
                self.telemetry.requests.labels(route, str(message["status"])).inc()
                self.telemetry.seconds.labels(route).observe(time.perf_counter() - started)
                key_name = scope.get("state", {}).get("key_name")
                if key_name:
                    self.telemetry.key_requests.labels(key_name, str(message["status"])).inc()
                code = scope.get("state", {}).get("error_code")
                if code:
                    self.telemetry.errors.labels(code).inc()
            await send(message)

        await self.app(scope, receive, count)
