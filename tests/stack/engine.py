"""A Compose project on the Docker of this machine, as the stack's checks see it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgeseg.stack.processes import free_port

ROOT = Path(__file__).parents[2]
FILE = "docker-compose.no-gpu.yml"
PROJECT = "edgeseg-stack-test"
WORKERS = ("simplifier", "grounding_dino", "sam2")
LONG_S = 1800.0


class Stack:
    """Runs ``docker compose`` with ports and settings of its own, and looks at what runs.

    ``more_files`` of Compose are laid over the stack's own.
    """

    def __init__(self, project: str = PROJECT, more_files: Sequence[str] = ()) -> None:
        self.project, self.files = project, [FILE, *more_files]
        self.api_port, self.ui_port = free_port(), free_port()
        self.api_url = f"http://127.0.0.1:{self.api_port}"
        self.ui_url = f"http://127.0.0.1:{self.ui_port}"
        self.settings = {
            "EDGESEG_ENGINES": "nano",
            "EDGESEG_API_PORT": str(self.api_port),
            "EDGESEG_UI_PORT": str(self.ui_port),
        }

    def compose(self, *arguments: str, **settings: str) -> str:
        """Run one command of Compose and return what it printed; settings go to the services."""
        files = [part for name in self.files for part in ("-f", name)]
        command = ("docker", "compose", "--env-file", os.devnull, "-p", self.project, *files)
        return run(*command, *arguments, environment={**self.settings, **settings})

    def up(self, scale: Mapping[str, int] | None = None, **settings: str) -> float:
        """Bring the stack to this shape, wait until all of it is healthy; return the seconds."""
        counts = dict.fromkeys(WORKERS, 1) | dict(scale or {})
        chosen = [part for name, n in counts.items() for part in ("--scale", f"{name}={n}")]
        started = time.monotonic()
        self.compose("up", "-d", "--no-build", "--remove-orphans", *chosen, **settings)
        wait_until(lambda: self.is_whole(counts), 240, self.states)
        return time.monotonic() - started

    def fake(self, latency_s: float, **scale: int) -> float:
        """Bring up fake engines of which each takes so long."""
        return self.up(scale, **fakes(latency_s))

    def ids(self, service: str) -> list[str]:
        """Return the running containers of a service."""
        return self.compose("ps", "-q", service).split()

    def inspect(self, container: str) -> dict[str, Any]:
        """Return what Docker knows of a container."""
        found: dict[str, Any] = json.loads(run("docker", "inspect", container))[0]
        return found

    def is_whole(self, counts: Mapping[str, int]) -> bool:
        """Whether every service has its number of healthy containers, and no other."""
        wanted = {"frontend": 1, "backend": 1, "redis": 1, **counts}
        return all(
            [self.health(each) for each in self.ids(service)] == ["healthy"] * count
            for service, count in wanted.items()
        )

    def health(self, container: str) -> str:
        """Return healthy, unhealthy or starting; how it ended if it does not run."""
        state = self.inspect(container)["State"]
        return str(state["Health"]["Status"] if state["Running"] else state["Status"])

    def states(self) -> str:
        """Say how each container is, for a message."""
        return self.compose("ps", "--all", "--format", "{{.Service}} {{.Status}}")

    def completed(self, container: str) -> list[str]:
        """Return the tasks that a worker's log says it completed."""
        lines = run("docker", "logs", container, errors=True).splitlines()
        rows = [json.loads(line) for line in lines if line.startswith("{")]
        return [row["task_id"] for row in rows if " completed " in row["message"]]


def fakes(latency_s: float) -> dict[str, str]:
    """Return the settings of fake engines of which each takes so long."""
    roles = ("SIMPLIFY", "DETECT", "SEGMENT")
    chosen = {f"EDGESEG_{role}_ENGINE": "fake" for role in roles}
    return {**chosen, "EDGESEG_FAKE_LATENCY_S": str(latency_s)}


def run(*command: str, environment: Mapping[str, str] | None = None, errors: bool = False) -> str:
    """Run a command to its end; its error output is the message when it fails."""
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **(environment or {})}, text=True, timeout=LONG_S,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT if errors else subprocess.PIPE,
    )  # fmt: skip
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr or ended.stdout}"
    return ended.stdout


def wait_until(
    is_so: Callable[[], bool], timeout_s: float, describe: Callable[[], str] = lambda: ""
) -> float:
    """Wait for something and return how many seconds it took."""
    started = time.monotonic()
    while not is_so():
        spent = time.monotonic() - started
        assert spent < timeout_s, f"not so after {spent:.0f} s: {describe()}"
        time.sleep(0.5)
    return time.monotonic() - started


@contextmanager
def started(stack: Stack) -> Iterator[Stack]:
    """Build the images, lend the stack, and take it down whatever happens."""
    stack.compose("down", "--volumes", "--remove-orphans")
    try:
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans")
