"""Uploads in progress hold little memory: beyond a size they go to a file."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from backend import create_app
from edgeseg.settings import Settings
from edgeseg.stack.processes import free_port
from tests.unit.backend.test_problems import check_problem, served

UPLOADS = 10
SIZE = 8_000_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """An API in a process of its own, without Redis: its port and process id."""
    port = free_port()
    environment = {
        **os.environ,
        "EDGESEG_API_PORT": str(port),
        "EDGESEG_REDIS_URL": "redis://127.0.0.1:1",
        "TMPDIR": str(tmp_path),
    }
    with subprocess.Popen([sys.executable, "-m", "backend"], env=environment) as process:
        try:
            until = time.monotonic() + 60
            while True:
                try:
                    assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
                    break
                except httpx.TransportError:
                    assert time.monotonic() < until
                    time.sleep(0.05)
            yield port, process.pid
        finally:
            process.terminate()


def resident_bytes(pid: int) -> int:
    """Memory of a process that is its own."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


def written_bytes(pid: int, folder: Path) -> int:
    """Bytes in files of a folder that a process holds open, deleted ones included."""
    total = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(each).startswith(str(folder)):
                total += each.stat().st_size
        except FileNotFoundError:
            continue
    return total


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_half_uploads_are_on_disk(server: tuple[int, int], tmp_path: Path) -> None:
    port, pid = server
    before = resident_bytes(pid)
    head = (
        f"POST /segment HTTP/1.1\r\nHost: localhost\r\nContent-Length: {2 * SIZE}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    ).encode()
    with ExitStack() as stack:
        for _ in range(UPLOADS):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(head + bytes(SIZE))
        until = time.monotonic() + 25
        while written_bytes(pid, tmp_path) < 0.9 * UPLOADS * SIZE:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert resident_bytes(pid) - before < UPLOADS * SIZE / 2
    until = time.monotonic() + 25
    while written_bytes(pid, tmp_path):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_disk_that_takes_no_upload_is_no_fault_of_the_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(redis_host="127.0.0.1", redis_port=1)
    data, files = {"text_prompt": "cat"}, {"image": ("a.png", bytes(2_000_000))}
    with served(create_app(settings)) as api:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "away"))
        check_problem(api.post("/segment", data=data, files=files), 503, "no_space")
