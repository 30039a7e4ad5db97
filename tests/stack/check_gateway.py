"""Two stacks of containers behind one nginx, in ``make stack-test``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from edgeseg.client import EdgeSegClient
from edgeseg.errors import UnavailableError
from edgeseg.stack.processes import free_port
from tests.services.test_gateway import by_stack, tag
from tests.stack.check_stack import make_image, rate_of
from tests.stack.engine import PROJECT, Stack, run, wait_until

NETWORK = "edgeseg-gateway"
MIN_SUM = 1.9
LATENCY_S, CLIENTS, SECONDS = 1.5, 12, 40.0
Figures = dict[str, str]
pytestmark = pytest.mark.timeout(1800)
_seeds = count(10_000)


class Stacks:
    """Two Compose projects, the gateway before them, and its address."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.each = {
            name: Stack(f"{PROJECT}-{name}", ["deploy/gateway/stack.yml"]) for name in ("a", "b")
        }

    def up(self) -> None:
        """Bring up both, of fake engines, and the gateway."""
        run("docker", "network", "create", NETWORK)
        self.each["a"].compose("build", EDGESEG_STACK="a")
        for name, stack in self.each.items():
            stack.settings["EDGESEG_STACK"] = name
            stack.fake(LATENCY_S)
        self.gateway("up", "-d", "--build", "--wait")

    def down(self) -> None:
        """Take all of it down, whatever is there."""
        self.gateway("down")
        for name, stack in self.each.items():
            stack.compose("down", "--volumes", "--remove-orphans", EDGESEG_STACK=name)
        if NETWORK in run("docker", "network", "ls", "--format", "{{.Name}}").split():
            run("docker", "network", "rm", NETWORK)

    def gateway(self, *arguments: str) -> None:
        """Run a command of Compose for the gateway."""
        project = ("docker", "compose", "--env-file", os.devnull, "-p", f"{PROJECT}-gateway")
        port = {"EDGESEG_GATEWAY_PORT": str(self.port)}
        run(*project, "-f", "deploy/gateway/compose.yml", *arguments, environment=port)


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    made = Stacks()
    made.down()
    try:
        made.up()
        yield made
    finally:
        made.down()


def test_throughput_adds_up(stacks: Stacks, figures: Figures) -> None:
    one = rate_of(stacks.each["a"].api_url, CLIENTS // 2, SECONDS)
    both = rate_of(stacks.url, CLIENTS, SECONDS)
    figures["tasks/s of one stack; of two behind one nginx"] = f"{one:.2f}; {both:.2f}"
    figures[f"two stacks, times one (at least {MIN_SUM})"] = f"{both / one:.2f}"
    assert both >= MIN_SUM * one


def test_a_stack_that_stops_costs_its_own_tasks_only(stacks: Stacks) -> None:
    with EdgeSegClient(stacks.url) as client:
        tasks = [client.submit(make_image(next(_seeds)), "cat") for _ in range(8)]
        assert {tag(task) for task in tasks} == {"a", "b"}
        for task in tasks:
            assert [each.type for each in client.events(task)][-1] == "done"
        assert by_stack(stacks.url) == (200, {"a": "ok", "b": "ok"})
        stacks.each["b"].compose("stop")
        wait_until(lambda: by_stack(stacks.url) == (200, {"a": "ok", "b": "unavailable"}), 60)
        for task in tasks:
            if tag(task) == "a":
                assert client.task(task).status == "done"
            else:
                with pytest.raises(UnavailableError):
                    client.task(task)
        later = [client.submit(make_image(next(_seeds)), "cat") for _ in range(6)]
        assert {tag(task) for task in later} == {"a"}
        stacks.each["a"].compose("stop")
        wait_until(lambda: httpx.get(f"{stacks.url}/health").status_code == 503, 60)
