"""Metrics of one worker, and its heartbeat, which says whether it can take a task now."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edgeseg.engines.cache import EmbeddingCache
from edgeseg.settings import Role
from edgeseg.worker.image_cache import ImageCache

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_SIZES = (0, 1, 2, 5, 10, 20, 50, 100)


@dataclass
class Pulse:
    """Time of the last heartbeat that reached Redis, in seconds of the monotonic clock."""

    ttl_s: float
    at: float | None = None
    missed_at: float | None = None

    def beat(self) -> None:
        """Record a heartbeat that has arrived."""
        self.at = time.monotonic()

    def miss(self) -> None:
        """Record that Redis was away."""
        self.missed_at = time.monotonic()

    def may_judge_others(self) -> bool:
        """Whether a worker without heartbeat is dead: all had time for one since Redis was away."""
        return self.missed_at is None or time.monotonic() - self.missed_at > self.ttl_s

    def stop(self) -> None:
        """Note that this worker takes no more tasks."""
        self.at = None

    def is_alive(self) -> bool:
        """Whether the worker is registered: its engine is loaded, and Redis knows it."""
        return self.at is not None and time.monotonic() - self.at <= self.ttl_s


class WorkerTelemetry:
    """The metrics of one worker, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.stage_seconds = self._histogram(
            "edgeseg_worker_stage_seconds", "Time of a stage, decoding included.", "engine"
        )
        self.wait_seconds = self._histogram(
            "edgeseg_worker_wait_seconds", "Time that a task waited in the queue for its stage."
        )
        self.batch_size = Histogram(
            "edgeseg_worker_batch_size",
            "Phrases or boxes that one task gave to the engine.",
            ["stage"],
            buckets=_SIZES,
            registry=self.registry,
        )
        self.errors = Counter(
            "edgeseg_worker_errors",
            "Stages that failed, by code.",
            ["stage", "code"],
            registry=self.registry,
        )
        self.load_seconds = Gauge(
            "edgeseg_worker_engine_load_seconds",
            "Time that the engine took to load.",
            ["stage", "engine"],
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)

    def watch(self, images: ImageCache, embeddings: EmbeddingCache) -> None:
        """Report these caches, and the memory of GPUs, whenever the metrics are read."""
        self.registry.register(_Caches(images, embeddings))
        self.registry.register(_GpuMemory())

    def ran(
        self, stage: Role, engine: str, seconds: float, waited_s: float, batch_size: int
    ) -> None:
        """Count a stage that has ended well."""
        self.stage_seconds.labels(stage, engine).observe(seconds)
        self.wait_seconds.labels(stage).observe(waited_s)
        self.batch_size.labels(stage).observe(batch_size)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, ["stage", *labels], buckets=_SECONDS, registry=self.registry)


class _Caches(Collector):
    """Hits and misses of the caches, which count for themselves."""

    def __init__(self, images: ImageCache, embeddings: EmbeddingCache) -> None:
        self._caches: dict[str, ImageCache | EmbeddingCache] = {
            "image": images,
            "embedding": embeddings,
        }

    def collect(self) -> Iterator[Metric]:
        metric = CounterMetricFamily(
            "edgeseg_worker_cache", "Look-ups in a cache.", labels=["cache", "result"]
        )
        for name, cache in self._caches.items():
            metric.add_metric([name, "hit"], cache.hits)
            metric.add_metric([name, "miss"], cache.misses)
        yield metric


class _GpuMemory(Collector):
    """Memory of the GPUs that this process uses; nothing where torch is not loaded."""

    def collect(self) -> Iterator[Metric]:
        metric = GaugeMetricFamily(
            "edgeseg_worker_gpu_memory_bytes", "Memory on a GPU.", labels=["device", "kind"]
        )
        torch: Any = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
            for index in range(torch.cuda.device_count()):
                device = f"cuda:{index}"
                metric.add_metric([device, "allocated"], torch.cuda.memory_allocated(index))
                metric.add_metric([device, "reserved"], torch.cuda.memory_reserved(index))
                metric.add_metric([device, "peak"], torch.cuda.max_memory_allocated(index))
        yield metric
