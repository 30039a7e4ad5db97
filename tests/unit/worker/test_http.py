"""A worker's pulse, metrics and pages."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest

from edgeseg.engines.cache import EmbeddingCache
from edgeseg.settings import Settings
from edgeseg.tasks import TaskStore, connect
from edgeseg.worker.http import MAX_CONNECTIONS, WorkerPage
from edgeseg.worker.image_cache import ImageCache
from edgeseg.worker.telemetry import Pulse, WorkerTelemetry


@pytest.fixture
def telemetry() -> WorkerTelemetry:
    return WorkerTelemetry()


@pytest.fixture
def pulse() -> Pulse:
    return Pulse(ttl_s=60)


@pytest.fixture
def page(telemetry: WorkerTelemetry, pulse: Pulse) -> Iterator[str]:
    """The pages of a worker, on a free port."""
    served = WorkerPage("127.0.0.1", 0, telemetry, pulse)
    served.start()
    yield f"http://127.0.0.1:{served.port}"
    served.close()


def test_a_worker_is_healthy_only_while_its_signs_of_life_arrive(page: str, pulse: Pulse) -> None:
    assert httpx.get(f"{page}/health").status_code == 503
    pulse.beat()
    assert httpx.get(f"{page}/health").status_code == 200
    pulse.stop()
    assert httpx.get(f"{page}/health").status_code == 503
    assert httpx.get(f"{page}/livez").status_code == 200


def test_an_old_sign_of_life_counts_no_more() -> None:
    pulse = Pulse(ttl_s=0.0)
    pulse.beat()
    assert pulse.at is not None
    pulse.at -= 1.0
    assert not pulse.is_alive()


def test_stages_and_errors_are_counted(page: str, telemetry: WorkerTelemetry) -> None:
    telemetry.ran("segment", "nano", seconds=0.2, waited_s=1.5, batch_size=3)
    telemetry.errors.labels("segment", "stage_failed").inc()
    text = httpx.get(f"{page}/metrics").text
    assert 'edgeseg_worker_stage_seconds_sum{engine="nano",stage="segment"} 0.2' in text
    assert 'edgeseg_worker_wait_seconds_sum{stage="segment"} 1.5' in text
    assert 'edgeseg_worker_batch_size_sum{stage="segment"} 3.0' in text
    assert 'edgeseg_worker_errors_total{code="stage_failed",stage="segment"} 1.0' in text
    assert "process_resident_memory_bytes" in text


def test_memory_of_gpus_is_reported_where_torch_uses_one(
    page: str, telemetry: WorkerTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings()
    telemetry.watch(ImageCache(TaskStore(connect(settings)), settings), EmbeddingCache())
    assert "edgeseg_worker_gpu_memory_bytes{" not in httpx.get(f"{page}/metrics").text
    cuda = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: True,
        device_count=lambda: 1,
        memory_allocated=lambda index: 10,
        memory_reserved=lambda index: 20,
        max_memory_allocated=lambda index: 15,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    text = httpx.get(f"{page}/metrics").text
    assert 'edgeseg_worker_gpu_memory_bytes{device="cuda:0",kind="allocated"} 10.0' in text
    assert 'edgeseg_worker_cache_total{cache="embedding",result="hit"} 0.0' in text


def test_other_pages_do_not_exist(page: str) -> None:
    assert httpx.get(f"{page}/secrets").status_code == 404


def test_a_page_is_answered_only_under_a_name_of_ours(page: str) -> None:
    for host, status in {"10.1.2.3:9100": 200, "localhost": 200, "evil.example": 421}.items():
        for path in ("/livez", "/metrics"):
            assert httpx.get(f"{page}{path}", headers={"Host": host}).status_code == status


@pytest.mark.parametrize("name", ["simplifier", "grounding_dino", "sam2"])
def test_beyond_loopback_a_page_is_answered_under_every_name_of_a_worker(
    telemetry: WorkerTelemetry, pulse: Pulse, name: str
) -> None:
    served = WorkerPage("0.0.0.0", 0, telemetry, pulse)
    served.start()
    url = f"http://127.0.0.1:{served.port}/metrics"
    for host in (f"{name}:9100", f"edgeseg-{name}-1", f"10-1-2-3.{name}.default.svc.cluster.local"):
        assert httpx.get(url, headers={"Host": host}).status_code == 200
    assert httpx.get(url, headers={"Host": "no name"}).status_code == 421
    served.close()


def test_silent_and_slow_clients_keep_nobody_out(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeseg.worker.http.MAX_SECONDS", 0.5)
    address = ("127.0.0.1", int(page.rpartition(":")[2]))
    silent = [socket.create_connection(address) for _ in range(MAX_CONNECTIONS)]
    silent[0].sendall(b"GET / HT")
    refused = socket.create_connection(address)
    assert refused.recv(1) == b""
    for connection in silent:
        # Closed without an answer, or with the answer to half a line.
        while connection.recv(4096):
            pass
        connection.close()
    refused.close()
    # The last threads are about to end.
    transport = httpx.HTTPTransport(retries=3)
    with httpx.Client(transport=transport) as client:
        for _ in range(50):
            try:
                assert client.get(f"{page}/livez").status_code == 200
                break
            except httpx.TransportError:
                continue
        else:
            pytest.fail("the page is not answered again")
