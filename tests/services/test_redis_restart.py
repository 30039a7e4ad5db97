"""Redis restarts while stages run: no task fails for it, and none loses an attempt."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from edgeseg.client import EdgeSegClient
from edgeseg.engines.residency import Residency
from edgeseg.errors import QueueUnavailableError, UnavailableError
from edgeseg.schemas import SimplifyRequest
from edgeseg.settings import Role, Settings
from edgeseg.stack.processes import Child, redis_server
from edgeseg.tasks import NewTask, TaskChain, TaskStore, connect
from edgeseg.worker import jobs
from edgeseg.worker.rqworker import StageWorker
from edgeseg.worker.runner import StageRunner
from edgeseg.worker.telemetry import Pulse
from tests.services.conftest import MakeImage, StackMaker

HEARTBEAT_TTL_S = 2
HEARTBEAT = {"heartbeat_s": 0.2, "heartbeat_ttl_s": HEARTBEAT_TTL_S}


class Redis(Child):
    """A Redis that keeps what it holds in a file, as that of the containers does."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        config = f'port 0\nunixsocket "{self.socket}"\ndir "{folder}"\nsave ""\nappendonly yes\n'
        super().__init__("redis", [redis_server(), "-"], dict(os.environ), folder, config.encode())

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    def stop(self) -> None:
        self.send(signal.SIGTERM)
        assert self.wait(10.0)

    def start_and_load(self) -> None:
        """Start and wait until the file is read."""
        self.start()
        with redis.Redis.from_url(self.url) as connection:
            wait_until(lambda: answers(connection))


def answers(connection: redis.Redis) -> bool:
    """Whether Redis answers."""
    try:
        return bool(connection.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture
def server() -> Iterator[Redis]:
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="edgeseg-") as folder:
        running = Redis(Path(folder))
        running.start_and_load()
        yield running
        running.kill()
        running.wait(10.0)


def until_started(client: EdgeSegClient, task_id: str, stage: str) -> None:
    next(each for each in client.events(task_id) if (each.type, each.stage) == ("started", stage))


def wait_until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait until something holds."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def end_of(client: EdgeSegClient, task_id: str) -> str:
    """Wait for the end of a task, also while the API has not found Redis again."""
    status = "unknown"

    def has_ended() -> bool:
        nonlocal status
        with suppress(UnavailableError):
            status = client.task(task_id).status
        return status in ("done", "failed", "cancelled")

    wait_until(has_ended)
    return status


def test_stages_that_end_while_redis_is_away_run_again(
    make_stack: StackMaker, make_image: MakeImage, server: Redis
) -> None:
    settings = {"redis_url": server.url, "max_attempts": 1, **HEARTBEAT}
    with (
        make_stack(fake_latency_s=0.6, **settings) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        tasks = [client.submit(make_image(seed), "cat") for seed in range(3)]
        # Each stage works at one of them.
        until_started(client, tasks[0], "segment")
        server.stop()
        logs = [stack.child(f"{stage}-1").log_path for stage in ("simplify", "detect", "segment")]
        wait_until(lambda: all("Redis was lost during" in log.read_text() for log in logs))
        server.start_and_load()
        assert [end_of(client, each) for each in tasks] == ["done"] * 3
        for each, stage in zip(tasks, ("segment", "detect", "simplify"), strict=True):
            events = list(client.events(each))
            assert sum((it.type, it.stage) == ("started", stage) for it in events) == 2
            again = [it for it in events if it.type == "queued"][1]
            assert (again.stage, again.data) == (stage, {"reason": QueueUnavailableError.code})


def test_a_stage_that_outlasts_the_restart_stays_with_its_worker(
    make_stack: StackMaker, server: Redis
) -> None:
    settings = Settings(redis_url=server.url, max_attempts=1)
    shared = {"redis_url": server.url, "max_attempts": 1, **HEARTBEAT}
    with (
        make_stack({"simplify": 2}, fake_latency_s=5.0, **shared) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        connection = connect(settings)
        store = TaskStore(connection)
        task = NewTask("simplify", ("simplify",), SimplifyRequest(text_prompt="cat"), "cat")
        TaskChain(connection, store, settings).submit(task)
        wait_until(lambda: store.read(task.id).status == "running")
        server.stop()
        time.sleep(1.5 * HEARTBEAT_TTL_S)
        server.start_and_load()
        wait_until(lambda: store.read(task.id).status not in ("queued", "running"))
        assert store.read(task.id).status == "done"
        events = list(client.events(task.id))
        assert [each.type for each in events] == ["queued", "started", "finished", "done"]


times_run = 0
times_lost = 0


def lose_redis(task_id: str, stage: Role) -> None:
    """Run in the place of a stage whose connection breaks, while Redis is back at once."""
    global times_run
    times_run += 1
    if times_run <= times_lost:
        raise redis.ConnectionError("Connection closed by server.")
    jobs.run_stage(task_id, stage)


@pytest.mark.parametrize(
    ("losses", "status", "code"),
    [(1, "done", None), (jobs.MAX_TIMES_PUT_BACK + 1, "failed", "queue_unavailable")],
)
def test_a_connection_lost_for_a_moment_fails_no_task_unless_it_goes_on_for_ever(
    server: Redis, monkeypatch: pytest.MonkeyPatch, losses: int, status: str, code: str
) -> None:
    monkeypatch.setattr(f"{__name__}.times_run", 0)
    monkeypatch.setattr(f"{__name__}.times_lost", losses)
    monkeypatch.setattr("edgeseg.tasks.chain.RUN_STAGE", f"{__name__}.lose_redis")
    monkeypatch.setattr(StageWorker, "_install_signal_handlers", lambda self: None)
    settings = Settings(engines="fake", redis_url=server.url, max_attempts=1)
    connection = connect(settings)
    store = TaskStore(connection)
    chain = TaskChain(connection, store, settings)
    with Residency(-1) as engines:
        monkeypatch.setattr(jobs, "_runner", StageRunner(store, chain, engines, settings))
        task = NewTask("simplify", ("simplify",), SimplifyRequest(text_prompt="cat"), "cat")
        chain.submit(task)
        StageWorker("simplifier_queue", {}, settings, Pulse(60)).work(burst=True)
    record = store.read(task.id)
    assert record.status == status
    assert (record.error and record.error.code) == code
