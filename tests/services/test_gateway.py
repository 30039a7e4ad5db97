"""Two stacks behind nginx, with the configuration that `deploy/gateway` has."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from edgeseg.client import EdgeSegClient
from edgeseg.stack.processes import free_port
from tests.services.conftest import StackMaker

MakeImage = Callable[..., bytes]
FOLDER = Path(__file__).parents[2] / "deploy" / "gateway"


@contextmanager
def gateway(folder: Path, api_urls: dict[str, str]) -> Iterator[str]:
    """Yield the URL of an nginx before the APIs of these stacks."""
    port = free_port()
    text = (FOLDER / "nginx.conf").read_text()
    for name, api_url in api_urls.items():
        text = text.replace(f"server {name}:8000", f"server {httpx.URL(api_url).netloc.decode()}")
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("/tmp/", f"{folder}/")
    config = folder / "nginx.conf"
    config.write_text(text.replace("/etc/edgeseg", str(FOLDER)))
    command = ["nginx", "-e", "stderr", "-c", str(config), "-g", "daemon off;"]
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            wait_for(lambda: is_open(f"http://127.0.0.1:{port}/livez"))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def is_open(url: str) -> bool:
    """Whether something answers there."""
    try:
        return httpx.get(url).status_code > 0
    except httpx.TransportError:
        return False


def wait_for(is_so: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait until something is so."""
    until = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def by_stack(url: str) -> tuple[int, dict[str, str]]:
    """Return the status of the gateway's /health, and what it says of each stack."""
    answer = httpx.get(f"{url}/health")
    stacks = answer.json().get("stacks", {})
    return answer.status_code, {name: each["status"] for name, each in stacks.items()}


def tag(task: str) -> str:
    """Return the stack that an id names."""
    return task.partition("-")[0]


def test_two_stacks_have_one_address(
    make_stack: StackMaker, tmp_path: Path, make_image: MakeImage
) -> None:
    with (
        make_stack(stack="a") as a,
        make_stack(stack="b", data_dir=tmp_path / "b") as b,
        gateway(tmp_path, {"a": a.api_url, "b": b.api_url}) as url,
        EdgeSegClient(url) as client,
    ):
        tasks = [client.submit(make_image(seed), "cat") for seed in range(12)]
        assert {tag(task) for task in tasks} == {"a", "b"}
        # Whoever asks for a task finds it, wherever it is.
        for task in tasks:
            assert [each.type for each in client.events(task)][-1] == "done"
        made = client.segment_image(make_image(20), "cat")
        refined = client.refine(made, object_id=0, points=[{"x": 2, "y": 2}])
        assert refined.result.task_id == made.result.task_id
        # A request that is repeated meets the first one.
        keyed = {client.submit(make_image(1), "cat", idempotency_key="k") for _ in range(6)}
        assert len(keyed) == 1
        assert by_stack(url) == (200, {"a": "ok", "b": "ok"})

        b.stop()
        # Its own tasks are away, which a problem says, and nothing else is.
        away = httpx.get(f"{url}/tasks/{next(task for task in tasks if tag(task) == 'b')}")
        assert (away.status_code, away.json()["code"]) == (503, "stack_unavailable")
        assert away.headers["retry-after"] == "2"
        assert client.task(next(task for task in tasks if tag(task) == "a")).status == "done"
        later = [client.submit(make_image(50 + seed), "cat") for seed in range(6)]
        assert {tag(task) for task in later} == {"a"}
        assert by_stack(url) == (200, {"a": "ok", "b": "unavailable"})

        a.stop()
        assert by_stack(url) == (503, {})
