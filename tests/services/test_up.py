"""``edgeseg up`` as people run it: a process that starts others and leaves none behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from edgeseg.client import EdgeSegClient

START_S = 60.0


@pytest.fixture(autouse=True)
def workers_that_do_not_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside other tests they would take too long."""
    monkeypatch.setenv("EDGESEG_WORKER_NICENESS", "0")


@contextmanager
def running_up(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command until the block ends; yield the process and the URL it prints."""
    command = [sys.executable, "-m", "edgeseg.cli", "up", "--engines", "fake"]
    process = subprocess.Popen(
        [*command, "--api-port", "0", "--ui-port", "0", "--data-dir", str(folder), *options],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.match(r"API +(http://\S+)", line)
            if found:
                break
        else:
            pytest.fail("it ended before it was ready")
        yield process, found[1]
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def descendants(pid: int) -> set[int]:
    """Return the processes that a process started, and those that they started."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(folder.name)] = int(fields[1])
    found: set[int] = set()
    while True:
        more = {child for child, parent in parents.items() if parent in {pid, *found}} - found
        if not more:
            return found
        found |= more


def alive(pids: set[int]) -> set[int]:
    """Return those that still run; a zombie does not."""
    running = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if state != "Z":
            running.add(pid)
    return running


def wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    """Wait until something holds."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_restarts_what_dies_and_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running_up(tmp_path, "--detectors", "2") as (process, url):
        workers = httpx.get(f"{url}/health").json()["workers"]
        assert workers == {"simplifier_queue": 1, "grounding_dino_queue": 2, "sam2_queue": 1}
        queues = httpx.get(f"{url}/queue-status").json()["queues"]
        (segmenter,) = (worker["pid"] for worker in queues["sam2_queue"]["workers"])
        os.kill(segmenter, signal.SIGKILL)

        def is_replaced() -> bool:
            queue = httpx.get(f"{url}/queue-status").json()["queues"]["sam2_queue"]
            return any(worker["pid"] != segmenter for worker in queue["workers"])

        wait_until(is_replaced, START_S)
        children = descendants(process.pid)
        assert len(children) >= 6
        process.send_signal(number)
        assert process.wait(30.0) == 0
        assert not alive(children)
        assert (tmp_path / "logs" / "backend.log").exists()


def test_children_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    with running_up(tmp_path) as (process, _):
        children = descendants(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: not alive(children), 15.0)
        assert len(children) >= 5


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "edgeseg.cli", "up", "--api-port", port]
        ended = subprocess.run(
            [*command, "--data-dir", str(tmp_path)], capture_output=True, text=True, timeout=START_S
        )
    assert ended.returncode == 1
    assert f"Port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_engine_that_cannot_be_had_is_one_clear_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgeseg.cli", "up", "--api-port", "0", "--ui-port", "0"]
    command += ["--engines", "none"]
    ended = subprocess.run(
        [*command, "--data-dir", str(tmp_path)], capture_output=True, text=True, timeout=START_S
    )
    assert ended.returncode == 2
    assert "No engine named 'none'" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_the_demo_shows_what_it_found_and_stops_what_it_started(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "edgeseg.cli", "demo", "--engines", "fake", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=2 * START_S,
    )
    assert ended.returncode == 0, ended.stderr
    rows = ended.stdout.splitlines()
    assert any(row.startswith("coffee") and "cup . spoon ." in row for row in rows)
    assert all(word in ended.stdout for word in ("simplified prompt", "detect", "segment"))
    overlays = sorted(path.name for path in tmp_path.glob("*.png"))
    assert overlays[:2] == ["1_chelsea.png", "2_astronaut.png"]
    assert "all.png" in overlays


def test_what_lies_in_the_current_folder_is_not_run(tmp_path: Path, chelsea: Path) -> None:
    """Neither modules with the names of ours or of Python's, nor another app's configuration.

    Exports are written by processes that the backend starts.
    """
    here = tmp_path / "project"
    here.mkdir()
    for name in (
        "backend.py",
        "sam2_service.py",
        "logging.py",
        "numpy.py",
        "redis.py",
        "rq.py",
        "anyio.py",
        "pickle.py",
    ):
        (here / name).write_text("raise SystemExit('the file in the current folder was run')\n")
    for name in ("frontend", "simplifier_service", "grounding_dino_service", "streamlit"):
        (here / name).mkdir()
        (here / name / "__init__.py").write_text("raise SystemExit('it was run')\n")
    (here / ".streamlit").mkdir()
    (here / ".streamlit" / "config.toml").write_text("[server]\nbaseUrlPath = 'elsewhere'\n")
    program = Path(sys.executable).with_name("edgeseg")
    arguments = ["up", "--engines", "fake", "--api-port", "0", "--ui-port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-P", str(program), *arguments, "--data-dir", str(tmp_path / "data")],
        cwd=here, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        titles = []
        for line in process.stdout:
            titles.append(line.split()[0])
            if titles[-1] == "API":
                url = line.split()[1]
            if line.startswith("Ctrl-C"):
                break
        assert titles[-4:] == ["API", "Docs", "UI", "Ctrl-C"]
        with EdgeSegClient(url) as client:
            task_id = client.segment_image(chelsea, "cat").result.task_id
            assert client.export(task_id, "coco").data
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
