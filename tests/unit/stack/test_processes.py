"""Child processes: started, restarted with patience, and ended."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from edgeseg.errors import UnavailableError
from edgeseg.settings import Settings
from edgeseg.stack.processes import (
    Child,
    as_environment,
    free_port,
    redis_server,
    require_free,
    stop_all,
)

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('deaf', flush=True); time.sleep(60)"
)


def child(folder: Path, command: list[str]) -> Child:
    return Child("it", command, dict(os.environ), folder)


def wait_for_log(it: Child, text: str) -> None:
    until = time.monotonic() + 20
    while text not in it.log_path.read_text():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_dead_child_is_started_again_later_each_time(tmp_path: Path) -> None:
    it = child(tmp_path, [sys.executable, "-c", "print('last words')"])
    it.start()
    assert it.wait(20.0)
    first = it.pid
    it.restart_if_dead()
    assert it.pid != first
    assert it.wait(20.0)
    second = it.pid
    it.restart_if_dead()
    assert (it.pid, it.deaths) == (second, 2)
    assert it.last_words() == "last words"


def test_a_living_child_is_left_alone(tmp_path: Path) -> None:
    it = child(tmp_path, SLEEP)
    it.start()
    pid = it.pid
    it.restart_if_dead()
    assert (it.pid, it.deaths) == (pid, 0)
    stop_all([it], 10.0)
    assert not it.is_alive()


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    it = child(tmp_path, [sys.executable, "-c", STUBBORN])
    it.start()
    wait_for_log(it, "deaf")
    it.send(signal.SIGTERM)
    assert not it.wait(0.3)
    stop_all([it], 0.3)
    assert not it.is_alive()


def test_a_port_in_use_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UnavailableError, match="cannot be used"):
            require_free("127.0.0.1", taken.getsockname()[1])
    require_free("127.0.0.1", free_port())


def test_settings_reach_the_children() -> None:
    settings = Settings(engines="fake", fake_latency_s=0.5, redis_password="secret")
    assert as_environment(settings) == {
        "EDGESEG_ENGINES": "fake",
        "EDGESEG_FAKE_LATENCY_S": "0.5",
        "EDGESEG_REDIS_PASSWORD": "secret",
    }


def test_there_is_a_redis_server() -> None:
    assert Path(redis_server()).is_file()
