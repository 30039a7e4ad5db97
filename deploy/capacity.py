"""How far the stack scales: measures what a task and a worker cost, and simulates many workers.

``python deploy/capacity.py measure`` writes deploy/measured.json on an idle machine; ``python
deploy/capacity.py simulate`` prints what so many workers would carry, and what gives way first.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import redis
import typer

from edgeseg.cli.bench import jpeg_of, machine, redis_over_tcp, redis_used
from edgeseg.cli.up import with_settings
from edgeseg.client import EdgeSegClient
from edgeseg.settings import Role
from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import keys

FIGURES = Path(__file__).with_name("measured.json")
TASKS = 100
IDLE_S = 20.0
MORE = 6
CROWD = 500
STAGES: tuple[Role, ...] = ("simplify", "detect", "segment")
# A client that would wait longer than this many times the bare service is not served well.
PATIENCE = 2.0
app = typer.Typer(help=__doc__, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Costs:
    """What was measured; CPU in milliseconds of one core, memory and traffic in bytes."""

    machine: str
    image_bytes: int
    redis_ms_per_task: float
    backend_ms_per_task: float
    redis_ms_per_second: float
    redis_ms_per_worker_second: float
    redis_ms_per_task_and_worker: float
    backend_ms_per_task_and_worker: float
    redis_bytes_per_task: float
    redis_bytes_per_task_with_overlay: float
    redis_traffic_per_task: float


@app.command()
def measure(
    path: Path = FIGURES,
    jpeg_bytes: Annotated[int, typer.Option(help="Size of the image, about.")] = 1_000_000,
) -> None:
    """Load a stack of fake engines and see what Redis and the backend spend on it."""
    photo = jpeg_of(jpeg_bytes)
    with redis_over_tcp() as url, stack(url) as running, EdgeSegClient(running.api_url) as client:
        server = redis.Redis.from_url(url)
        backend = running.child("backend").pid
        for number in range(10):
            client.segment_image(fresh(photo, number), "cat . dog .")
        idle_ms = resting(server)
        alone = load(client, server, backend, photo, idle_ms)
        with crowd(server):
            crowded = load(client, server, backend, photo, idle_ms)
        drawn = load(client, server, backend, photo, idle_ms, visualization=True)
    with redis_over_tcp() as url, stack(url, MORE):
        many_ms = resting(redis.Redis.from_url(url))
    per_worker_ms = max(0.0, many_ms - idle_ms) / ((MORE - 1) * len(STAGES))
    costs = Costs(
        machine=machine(),
        image_bytes=len(photo),
        redis_ms_per_task=alone["redis_ms"],
        backend_ms_per_task=alone["backend_ms"],
        redis_ms_per_second=max(0.0, idle_ms - len(STAGES) * per_worker_ms),
        redis_ms_per_worker_second=per_worker_ms,
        redis_ms_per_task_and_worker=max(0.0, crowded["redis_ms"] - alone["redis_ms"]) / CROWD,
        backend_ms_per_task_and_worker=max(0.0, crowded["backend_ms"] - alone["backend_ms"])
        / CROWD,
        redis_bytes_per_task=alone["memory"],
        redis_bytes_per_task_with_overlay=drawn["memory"],
        redis_traffic_per_task=alone["traffic"],
    )
    rounded = {
        name: float(f"{value:.3g}") if isinstance(value, float) else value
        for name, value in asdict(costs).items()
    }
    path.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
    typer.echo(path.read_text(encoding="utf-8"))


@contextmanager
def stack(url: str, workers: int = 1) -> Iterator[EmbeddedStack]:
    """Run the stack with so many fake workers a stage on a Redis."""
    with tempfile.TemporaryDirectory() as folder:
        settings = with_settings(
            engines="fake", api_port=0, data_dir=Path(folder), redis_url=url, task_ttl_s=600
        )
        with EmbeddedStack(settings, dict.fromkeys(STAGES, workers)) as running:
            yield running


def resting(server: redis.Redis) -> float:
    """Return the milliseconds of CPU that Redis spends in a second in which nobody asks."""
    time.sleep(2.0)
    before = redis_used(server)[0]
    time.sleep(IDLE_S)
    return (redis_used(server)[0] - before) / IDLE_S


@contextmanager
def crowd(server: redis.Redis) -> Iterator[None]:
    """Register workers that are not there, spread over the queues."""
    names = []
    for number in range(CROWD):
        queue = keys.QUEUE_NAMES[number % len(keys.QUEUE_NAMES)]
        name = f"rq:worker:crowd-{number}"
        facts = {
            "birth": "2026-01-01T00:00:00Z", "state": "idle", "pid": "1", "hostname": "crowd",
            "engine": '{"name": "fake", "device": "cpu", "dtype": "float32"}',
        }  # fmt: skip
        server.hset(name, mapping=cast(Any, facts))
        server.sadd(keys.workers_key(queue), name)
        names.append((name, queue))
    yield
    for name, queue in names:
        server.delete(name)
        server.srem(keys.workers_key(queue), name)


def load(
    client: EdgeSegClient,
    server: redis.Redis,
    backend: int,
    photo: bytes,
    idle_ms: float,
    visualization: bool = False,
) -> dict[str, float]:
    """Send tasks four at a time and return what each cost, the idle cost left out."""
    before, started = used(server, backend), time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        sent = [
            pool.submit(
                client.segment_image, fresh(photo, number), "cat . dog .",
                visualization=visualization,
            )
            for number in range(TASKS)
        ]  # fmt: skip
        for each in sent:
            each.result()
    spent = difference(before, used(server, backend))
    spent["redis_ms"] -= idle_ms * (time.monotonic() - started)
    return {name: value / TASKS for name, value in spent.items()}


def fresh(photo: bytes, number: int) -> bytes:
    """Return the photo with another hash: bytes after the end of a JPEG change nothing else."""
    return photo + number.to_bytes(4, "big") + os.urandom(4)


def used(server: redis.Redis, backend: int) -> dict[str, float]:
    """Return CPU, memory and traffic up to now."""
    facts = cast(dict[str, float], server.info())
    fields = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()
    return {
        "redis_ms": redis_used(server)[0],
        "memory": facts["used_memory"],
        "traffic": facts["total_net_input_bytes"] + facts["total_net_output_bytes"],
        "backend_ms": 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
    }


def difference(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Return what was spent between two moments."""
    return {name: after[name] - before[name] for name in before}


@dataclass
class Station:
    """A part of the stack: ``servers`` that work in parallel, first come, first served."""

    name: str
    servers: int
    free_at: list[float]
    busy_s: float = 0.0

    def serve(self, at: float, seconds: float) -> float:
        """Take a piece of work that arrives at a time; return when it is done."""
        begin = max(at, heapq.heappop(self.free_at))
        heapq.heappush(self.free_at, begin + seconds)
        self.busy_s += seconds
        return begin + seconds


@dataclass(frozen=True)
class Outcome:
    """What a load did: the share of time that each part worked, and how long tasks took."""

    rate: float
    busy: dict[str, float]
    median_s: float


def run(
    costs: Costs,
    workers: Mapping[Role, int],
    stage_s: Mapping[Role, float],
    backends: int,
    rate: float,
    tasks: int = 20_000,
) -> Outcome:
    """Simulate tasks that arrive at random at this rate per second.

    A task visits the backend, Redis, then each stage with Redis between them, and the backend.
    Redis has one thread, of which heartbeats take their share first.
    """
    dice = random.Random(0)
    crowd_size = sum(workers.values())
    idle = (costs.redis_ms_per_second + costs.redis_ms_per_worker_second * crowd_size) / 1000
    redis_s = (
        costs.redis_ms_per_task + costs.redis_ms_per_task_and_worker * crowd_size
    ) / 1000 / max(1e-6, 1 - idle)  # fmt: skip
    backend_s = (
        costs.backend_ms_per_task + costs.backend_ms_per_task_and_worker * crowd_size
    ) / 1000  # fmt: skip
    servers = {"backend": backends, "redis": 1}
    for stage in STAGES:
        servers[stage] = workers[stage]
    stations = {name: Station(name, count, [0.0] * count) for name, count in servers.items()}
    steps: list[tuple[str, float]] = [("backend", backend_s / 2)]
    for stage in STAGES:
        steps += [("redis", redis_s / (len(STAGES) + 1)), (stage, stage_s[stage])]
    steps += [("redis", redis_s / (len(STAGES) + 1)), ("backend", backend_s / 2)]
    # Events in the order of time, so that every station serves whoever comes first.
    events: list[tuple[float, int, int]] = []
    arrival = 0.0
    for task in range(tasks):
        arrival += dice.expovariate(rate)
        events.append((arrival, task, 0))
    arrived = {task: at for at, task, _ in events}
    heapq.heapify(events)
    took, end = [], 0.0
    while events:
        at, task, step = heapq.heappop(events)
        name, seconds = steps[step]
        # Stages vary: half of the time is fixed, half is not.
        varied = seconds * (0.5 + 0.5 * dice.expovariate(1.0)) if name in STAGES else seconds
        done = stations[name].serve(at, varied)
        if step + 1 < len(steps):
            heapq.heappush(events, (done, task, step + 1))
        else:
            took.append(done - arrived[task])
            end = max(end, done)
    busy = {name: each.busy_s / each.servers / end for name, each in stations.items()}
    return Outcome(tasks / end, busy, statistics.median(took))


def most(
    costs: Costs,
    workers: Mapping[Role, int],
    stage_s: Mapping[Role, float],
    backends: int,
    tasks: int = 20_000,
) -> tuple[Outcome, str]:
    """Return the highest load that is served without a growing queue, and what was fullest."""
    bare_s = sum(stage_s.values())
    ideal = min(workers[stage] / stage_s[stage] for stage in STAGES)
    low, high = 0.0, ideal
    best = run(costs, workers, stage_s, backends, ideal / 1000, tasks)
    for _ in range(12):
        middle = (low + high) / 2
        tried = run(costs, workers, stage_s, backends, middle, tasks)
        if tried.median_s <= PATIENCE * bare_s:
            low, best = middle, tried
        else:
            high = middle
    return best, max(best.busy, key=lambda name: best.busy[name])


@app.command()
def simulate(
    path: Path = FIGURES,
    simplify_s: Annotated[float, typer.Option(help="Seconds of the stage.")] = 0.002,
    detect_s: Annotated[float, typer.Option(help="Seconds of the stage.")] = 1.0,
    segment_s: Annotated[float, typer.Option(help="Seconds of the stage.")] = 1.0,
    backends: Annotated[int, typer.Option(help="Processes of the API.")] = 10,
) -> None:
    """Say for growing numbers of workers what the stack carries and which part is fullest."""
    costs = Costs(**json.loads(path.read_text(encoding="utf-8")))
    stage_s: dict[Role, float] = {
        "simplify": simplify_s,
        "detect": detect_s,
        "segment": segment_s,
    }
    typer.echo("| workers | ideal, tasks/s | carried, tasks/s | fullest | busy |")
    typer.echo("|---|---|---|---|---|")
    for total in (10, 30, 100, 300, 1000):
        workers = shares(total, stage_s)
        ideal = min(workers[stage] / stage_s[stage] for stage in STAGES)
        best, fullest = most(costs, workers, stage_s, backends)
        typer.echo(
            f"| {total} | {ideal:.1f} | {best.rate:.1f} | {fullest} | {best.busy[fullest]:.0%} |"
        )


def shares(total: int, stage_s: Mapping[Role, float]) -> dict[Role, int]:
    """Divide workers in proportion to the time of their stages, one each at least."""
    whole = sum(stage_s.values())
    return {stage: max(1, round(total * seconds / whole)) for stage, seconds in stage_s.items()}


if __name__ == "__main__":
    app()
