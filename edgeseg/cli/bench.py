"""``edgeseg bench``: what the stack costs, and how much it carries, measured in one run."""

from __future__ import annotations

import io
import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import httpx
import PIL.Image
import typer

from edgeseg.benchmarks.plot import line_charts
from edgeseg.cli.app import app
from edgeseg.cli.bench_classes import classes
from edgeseg.cli.bench_encoders import encoders_command
from edgeseg.cli.bench_engines import engines_command
from edgeseg.cli.bench_memory import memory_command
from edgeseg.cli.bench_nano import nano
from edgeseg.cli.demo import find_photo
from edgeseg.cli.outputs import Overwrite, check_json, write_json
from edgeseg.cli.up import with_settings
from edgeseg.client import EdgeSegClient
from edgeseg.pipeline import EdgeSegAI
from edgeseg.settings import Role
from edgeseg.stack import processes
from edgeseg.stack.local import EmbeddedStack

if TYPE_CHECKING:
    import redis

JPEG_BYTES = 1_000_000
MAX_ADDED_MS = 30.0
MAX_OVERLAY_MS = 20.0
MIN_PER_SECOND = 18.0
MIN_GAIN = 4.0
MAX_REDIS_MS = 3.0
MAX_CLIENTS = 32
MAX_BATCH = 16
# A stage of so many seconds, and so many for each request, as a GPU might take.
COSTS = {"fake_latency_s": 0.18, "fake_item_latency_s": 0.02}
WARM_UP = 10
RAMP_UP_S = 3.0
ROLES: tuple[Role, ...] = ("simplify", "detect", "segment")
PROMPT = "cup . spoon ."

bench = typer.Typer(invoke_without_command=True, help="Measure the stack.")
app.add_typer(bench, name="bench")
bench.command("memory")(memory_command)
bench.command("engines")(engines_command)
bench.command("encoders")(encoders_command)
bench.command()(nano)
bench.command()(classes)


@bench.callback()
def stack(
    context: typer.Context,
    requests: Annotated[int, typer.Option(min=10, help="Requests of each kind.")] = 100,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds under load.")] = 15,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Measure over clients and sizes of batches; draw this SVG.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Figures of an earlier --json to compare with.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure HTTP and queues against the same stages in process, and the throughput."""
    check_json(json_path, overwrite)
    earlier = {} if against is None else read_figures(against)
    if context.invoked_subcommand is not None:
        return
    figures = {**overhead(requests), **throughput(seconds), **batching(seconds)}
    if plot is not None:
        figures |= sweep(seconds)
        plot.write_text(charts(figures), encoding="utf-8")
    print(f"{'machine':<32}{machine()}")
    for name, value in figures.items():
        before = f"{earlier[name]:>10.1f} before" if name in earlier else ""
        print(f"{name:<32}{value:<8.1f}{before}")
    added, rate = figures["added_ms"], figures["throughput_per_s"]
    gain = figures["batched_per_s"] / figures["unbatched_per_s"]
    slower_ms = figures["batched_p95_ms"] - figures["unbatched_p95_ms"]
    in_redis_ms = figures["redis_ms_per_task"]
    print(f"added at the median: {added:.1f} ms, at most {MAX_ADDED_MS:g} are allowed")
    print(f"overlay: {figures['overlay_ms']:.1f} ms, at most {MAX_OVERLAY_MS:g} are allowed")
    print(f"throughput: {rate:.1f} requests/s, at least {MIN_PER_SECOND:g} are wanted")
    print(f"batches: {gain:.1f} times the throughput, at least {MIN_GAIN:g} are wanted")
    print(f"batches: p95 {slower_ms:+.0f} ms, no more than without is wanted")
    print(f"Redis: {in_redis_ms:.1f} ms a task, at most {MAX_REDIS_MS:g} are wanted")
    if json_path is not None:
        write_json(json_path, {"machine": machine(), **figures})
    is_slow = added > MAX_ADDED_MS or figures["overlay_ms"] > MAX_OVERLAY_MS
    is_slow = is_slow or in_redis_ms > MAX_REDIS_MS or slower_ms > 0
    if is_slow or rate < MIN_PER_SECOND or gain < MIN_GAIN:
        raise typer.Exit(1)


def overhead(requests: int) -> dict[str, float]:
    """Time requests through the stack and in process, interleaved, with the fake engine."""
    # Bytes after the end of a JPEG change its hash and nothing else, so no cache can help.
    numbers = itertools.count()
    photo = jpeg_of(JPEG_BYTES)

    def fresh() -> bytes:
        return photo + next(numbers).to_bytes(4, "big")

    with running(1) as embedded, EdgeSegClient(embedded.api_url) as client:
        local = EdgeSegAI("fake", "fake", "fake", ttl=-1)
        ways: dict[str, Callable[[], object]] = {
            "in_process": lambda: local.segment_image(fresh(), PROMPT),
            "stack": lambda: client.segment_image(fresh(), PROMPT),
            "stack_with_overlay": lambda: client.segment_image(fresh(), PROMPT, visualization=True),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(WARM_UP + requests):
            for name, way in ways.items():
                spent = timed_ms(way)
                if turn >= WARM_UP:
                    times[name].append(spent)
        local.close()
        # Only what measures it needs it.
        import redis

        with redis.Redis.from_url(embedded.redis_url) as server:
            spent_in_redis = {
                "": redis_costs(server, ways["stack"], requests),
                "_with_overlay": redis_costs(server, ways["stack_with_overlay"], requests),
            }
    figures = {"jpeg_kb": len(photo) / 1000}
    for name, spent_ms in times.items():
        figures[f"{name}_median_ms"] = statistics.median(spent_ms)
        figures[f"{name}_p95_ms"] = p95(spent_ms)
    figures["added_ms"] = figures["stack_median_ms"] - figures["in_process_median_ms"]
    figures["overlay_ms"] = figures["stack_with_overlay_median_ms"] - figures["stack_median_ms"]
    for suffix, (cpu_ms, kept_bytes) in spent_in_redis.items():
        figures[f"redis_ms_per_task{suffix}"] = cpu_ms
        figures[f"redis_kb_per_task{suffix}"] = kept_bytes / 1000
    return figures


def redis_costs(
    server: redis.Redis, request: Callable[[], object], requests: int
) -> tuple[float, float]:
    """Return the milliseconds of CPU that Redis spends on a request, and the bytes that it keeps.

    What Redis does meanwhile for workers that rest is part of it.
    """
    before = redis_used(server)
    for _ in range(requests):
        request()
    after = redis_used(server)
    return (after[0] - before[0]) / requests, (after[1] - before[1]) / requests


def redis_used(server: redis.Redis) -> tuple[float, float]:
    """Return the milliseconds of CPU that Redis has used, and the bytes that it holds."""
    facts = cast(dict[str, float], server.info())
    return 1000 * (facts["used_cpu_sys"] + facts["used_cpu_user"]), facts["used_memory"]


def throughput(seconds: float) -> dict[str, float]:
    """Load four workers a stage that take 0.2 s each with 16 clients, and probe /health."""
    return load("throughput", seconds, 4, 16, fake_latency_s=0.2)


def batching(seconds: float) -> dict[str, float]:
    """Load one worker a stage with 32 clients, one by one and in batches."""
    alone = load("unbatched", seconds, 1, MAX_CLIENTS, max_batch=1, **COSTS)
    return {**alone, **load("batched", seconds, 1, MAX_CLIENTS, max_batch=MAX_BATCH, **COSTS)}


def sweep(seconds: float) -> dict[str, float]:
    """Load one worker a stage with fewer clients, and with smaller batches."""
    figures: dict[str, float] = {}
    for clients in (1, 4, 16):
        name = f"clients_{clients}"
        figures |= load(name, seconds, 1, clients, max_batch=MAX_BATCH, **COSTS)
    for size in (2, 4, 8):
        figures |= load(f"batch_{size}", seconds, 1, MAX_CLIENTS, max_batch=size, **COSTS)
    return figures


def charts(figures: Mapping[str, float]) -> str:
    """Return the throughput over clients and over sizes of batches, as SVG."""
    most = figures["batched_per_s"]
    clients = {count: figures[f"clients_{count}_per_s"] for count in (1, 4, 16)}
    sizes = {size: figures[f"batch_{size}_per_s"] for size in (2, 4, 8)}
    return line_charts(
        {
            f"clients, batches of up to {MAX_BATCH}": {**clients, MAX_CLIENTS: most},
            f"size of batches, {MAX_CLIENTS} clients": {
                1: figures["unbatched_per_s"],
                **sizes,
                MAX_BATCH: most,
            },
        },
        "requests/s",
    )


def read_figures(path: Path) -> dict[str, float]:
    """Return the figures that an earlier run wrote; none where there is no such file."""
    if not path.exists():
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {name: float(value) for name, value in rows.items() if name != "machine"}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise typer.BadParameter(f"{path} holds no figures of a benchmark.") from error


def load(
    name: str, seconds: float, workers: int, clients: int, **settings: Any
) -> dict[str, float]:
    """Load a stack with clients that send one request after the other, and probe /health.

    Counted are the answers of so many seconds, once all stages are at work.
    """
    photo = find_photo("coffee").read_bytes()
    ended: list[tuple[float, float]] = []
    done = threading.Event()

    def go_on() -> None:
        while not done.is_set():
            spent_ms = timed_ms(lambda: client.segment_image(photo, PROMPT))
            ended.append((time.perf_counter(), spent_ms))

    with (
        running(workers, **settings) as embedded,
        EdgeSegClient(embedded.api_url) as client,
        ThreadPoolExecutor(clients) as pool,
    ):
        going = [pool.submit(go_on) for _ in range(clients)]
        time.sleep(RAMP_UP_S)
        with probing(f"{embedded.api_url}/health") as probes_ms:
            began = time.perf_counter()
            time.sleep(seconds)
            until = time.perf_counter()
        done.set()
        for each in going:
            each.result()
    counted_ms = [spent_ms for at, spent_ms in ended if began <= at < until]
    return {
        f"{name}_per_s": len(counted_ms) / (until - began),
        f"{name}_median_ms": statistics.median(counted_ms),
        f"{name}_p95_ms": p95(counted_ms),
        f"{name}_health_median_ms": statistics.median(probes_ms),
        f"{name}_health_p95_ms": p95(probes_ms),
    }


@contextmanager
def running(workers: int, **settings: Any) -> Iterator[EmbeddedStack]:
    """Run a stack of fake engines on a free port."""
    scratch = Path(tempfile.mkdtemp(prefix="edgeseg-bench-"))
    chosen = with_settings(engines="fake", api_port=0, data_dir=scratch, **settings)
    try:
        with EmbeddedStack(chosen, dict.fromkeys(ROLES, workers)) as embedded:
            yield embedded
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def redis_over_tcp(appendonly: bool = True) -> Iterator[str]:
    """Run a Redis as the containers do: over TCP, with its file unless it is told otherwise."""
    port = processes.free_port()
    with tempfile.TemporaryDirectory() as folder:
        keeps = "yes" if appendonly else "no"
        options = ["--port", str(port), "--dir", folder, "--appendonly", keeps, "--save", ""]
        process = subprocess.Popen([processes.redis_server(), *options], stdout=subprocess.DEVNULL)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()


@contextmanager
def probing(url: str, every_s: float = 0.05) -> Iterator[list[float]]:
    """Get a page again and again beside other work, and yield the milliseconds it took."""
    spent_ms: list[float] = []
    done = threading.Event()

    def probe() -> None:
        with httpx.Client() as http:
            while not done.wait(every_s):
                spent_ms.append(timed_ms(lambda: http.get(url).raise_for_status()))

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield spent_ms
    finally:
        done.set()
        thread.join()


def jpeg_of(size: int) -> bytes:
    """Return a photo of 1800x1200 as a JPEG of about this many bytes, quality as needed."""
    with PIL.Image.open(find_photo("coffee")) as pil_image:
        large = pil_image.convert("RGB").resize((1800, 1200), PIL.Image.Resampling.LANCZOS)
    candidates = []
    for quality in range(80, 101):
        out = io.BytesIO()
        large.save(out, "JPEG", quality=quality)
        candidates.append(out.getvalue())
    return min(candidates, key=lambda data: abs(len(data) - size))


def timed_ms(action: Callable[[], object]) -> float:
    """Return how many milliseconds a call takes."""
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def p95(values: list[float]) -> float:
    """Return the value that 95 of 100 do not pass."""
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def machine() -> str:
    """Say what this runs on."""
    names = (
        [
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ]
        if Path("/proc/cpuinfo").exists()
        else []
    )
    return f"{os.cpu_count()} cores, {names[0] if names else platform.processor()}"
