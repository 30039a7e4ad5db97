"""The stack in real containers. ``make stack-test`` runs these in order; ``make test`` does not."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import PIL.Image
import pytest

from edgeseg.client import EdgeSegClient
from edgeseg.errors import EdgeSegError, UnavailableError, WorkerLostError
from edgeseg.schemas import SimplifyMode
from tests.services.test_image_memory import worst_cases
from tests.stack.engine import FILE, PROJECT, WORKERS, Stack, fakes, run, wait_until
from tests.unit.engines.weights.hub import Hub, serving

IMAGES = ("frontend", "backend", "redis", *WORKERS)
MAX_MB = 400
MIN_EFFICIENCY = 0.9
BEGUN = ("started", "detect")
Figures = dict[str, str]
pytestmark = pytest.mark.timeout(1800)


def make_image(seed: int) -> bytes:
    """Return a small PNG that no other seed gives."""
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (64, 96, 3), np.uint8)
    PIL.Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def end_of(client: EdgeSegClient, task_id: str, timeout_s: float = 180) -> str:
    """Wait for the end of a task, also while the API is away, and return its status."""
    status = ""

    def has_ended() -> bool:
        nonlocal status
        try:
            status = client.task(task_id).status
        except UnavailableError:
            return False
        return status in ("done", "failed", "cancelled")

    wait_until(has_ended, timeout_s, lambda: f"task {task_id} is {status}")
    return status


def submit(
    client: EdgeSegClient, count: int, seed: int, simplify: SimplifyMode = "auto"
) -> list[str]:
    """Queue so many images; where nothing is simplified, all reach the detector at once."""
    return [
        client.submit(make_image(seed + number), "cat", simplify=simplify)
        for number in range(count)
    ]


def starts(client: EdgeSegClient, task_id: str) -> Counter[str | None]:
    """Return how often each stage of a task was begun."""
    return Counter(each.stage for each in client.events(task_id) if each.type == "started")


def busy(client: EdgeSegClient, queue: str) -> list[str]:
    """Return the containers that work for a queue now."""
    workers = client.queue_status()[queue]["workers"]
    return [each["host"] for each in workers if each["state"] == "busy"]


def test_images_are_small_and_hold_no_torch(stack: Stack, figures: Figures) -> None:
    began = time.monotonic()
    stack.compose("build")
    figures["`docker compose build`, s"] = f"{time.monotonic() - began:.0f}"
    for name in IMAGES:
        tag = "nano" if name in WORKERS else "latest"
        facts = json.loads(run("docker", "image", "inspect", f"edgeseg/{name}:{tag}"))[0]
        size_mb = facts["Size"] / 1e6
        figures[f"image {name}, MB (at most {MAX_MB})"] = f"{size_mb:.0f}"
        assert size_mb < MAX_MB
        assert facts["Config"]["User"] not in ("", "0", "root")
        if name != "redis":
            look = "import importlib.util as u; print(u.find_spec('torch'))"
            entry = ("--entrypoint", "python", f"edgeseg/{name}:{tag}", "-c", look)
            assert run("docker", "run", "--rm", *entry).strip() == "None"


def test_everything_comes_up_healthy(stack: Stack, figures: Figures) -> None:
    figures["`up` until all are healthy, s"] = f"{stack.up():.0f}"
    weights = stack.inspect(stack.compose("ps", "--all", "-q", "weights").strip())
    assert weights["State"]["ExitCode"] == 0


def test_a_photo_is_segmented_through_the_published_port(
    stack: Stack, client: EdgeSegClient, cat: Path, figures: Figures
) -> None:
    stack.up()
    began = time.monotonic()
    found = client.segment_image(cat, "the cat")
    figures["a photo, nano engines, the first, s"] = f"{time.monotonic() - began:.2f}"
    assert [each.label for each in found.objects] == ["cat"]
    assert {each.name for each in found.result.engines.values()} == {"nano"}
    assert found.segmentation_mask.mean() > 0.3
    took = []
    for _ in range(10):
        began = time.monotonic()
        client.segment_image(cat, "the cat")
        took.append(time.monotonic() - began)
    figures["a photo, nano engines, median of ten, s"] = f"{sorted(took)[5]:.2f}"
    lines = run("docker", "logs", stack.ids("sam2")[0], errors=True).splitlines()
    said = [json.loads(line) for line in lines if " completed " in line]
    assert said[0]["task_id"] == found.result.task_id
    assert said[0]["objects"] == len(found.objects)
    assert said[0]["duration_ms"] > 0


def test_memory_of_each_container(stack: Stack, figures: Figures) -> None:
    stack.up()
    for name in IMAGES:
        look = ("--no-stream", "--format", "{{.MemUsage}}")
        line = run("docker", "stats", *look, stack.ids(name)[0])
        figures[f"memory of {name}, nano engines"] = line.partition("/")[0].strip()
        assert stack.inspect(stack.ids(name)[0])["RestartCount"] == 0


def test_images_that_are_large_in_memory_do_not_kill_the_api(
    stack: Stack, client: EdgeSegClient, figures: Figures
) -> None:
    stack.fake(0)
    before = stack.inspect(stack.ids("backend")[0])
    for data in worst_cases().values():
        client.submit(data, "cat", simplify="never")
    after = stack.inspect(stack.ids("backend")[0])
    assert (after["Id"], after["RestartCount"]) == (before["Id"], before["RestartCount"])
    assert not after["State"]["OOMKilled"]
    look = "cat /sys/fs/cgroup/memory.peak /sys/fs/cgroup/memory/memory.max_usage_in_bytes"
    peaks = stack.compose("exec", "-T", "backend", "sh", "-c", f"{look} 2>/dev/null || true")
    figures["peak of the API with images of 80 megapixels, MB"] = str(
        int(peaks.split()[0]) // 10**6
    )


def test_the_ui_answers(stack: Stack) -> None:
    stack.up()
    page = httpx.get(stack.ui_url)
    assert page.status_code == 200
    assert "<title>" in page.text
    assert httpx.get(f"{stack.ui_url}/_stcore/health").text == "ok"


def test_only_the_ui_and_the_api_are_published_and_on_loopback(stack: Stack) -> None:
    stack.up()
    published = {}
    for name in IMAGES:
        facts = stack.inspect(stack.ids(name)[0])
        ports = facts["NetworkSettings"]["Ports"]
        published[name] = {each["HostIp"] for bound in ports.values() for each in bound or ()}
        assert facts["HostConfig"]["ReadonlyRootfs"]
        assert facts["HostConfig"]["Memory"] > 0
        assert not facts["HostConfig"]["Privileged"]
    loopback = {"frontend": {"127.0.0.1"}, "backend": {"127.0.0.1"}}
    assert {name: hosts for name, hosts in published.items() if hosts} == loopback
    refused = stack.compose("exec", "-T", "redis", "redis-cli", "dbsize")
    assert "NOAUTH" in refused


def test_tasks_spread_over_all_workers_after_scaling(
    stack: Stack, client: EdgeSegClient, figures: Figures
) -> None:
    stack.fake(0.5)
    before = stack.ids("grounding_dino")
    stack.fake(0.5, grounding_dino=3, sam2=2)
    assert set(before) <= set(stack.ids("grounding_dino"))
    tasks = submit(client, 24, seed=100)
    assert {end_of(client, each) for each in tasks} == {"done"}
    for service, count in (("grounding_dino", 3), ("sam2", 2)):
        shares = [len(set(tasks) & set(stack.completed(each))) for each in stack.ids(service)]
        figures[f"24 tasks over {count} {service}"] = " + ".join(map(str, sorted(shares)))
        assert len(shares) == count
        assert min(shares) >= 24 / count / 2
        assert sum(shares) == 24


def test_a_scale_in_lets_workers_finish(stack: Stack, client: EdgeSegClient) -> None:
    stack.fake(2.0, grounding_dino=2, sam2=2)
    tasks = submit(client, 6, seed=200, simplify="never")
    wait_until(lambda: len(busy(client, "sam2_queue")) == 2, 60)
    stack.fake(2.0, grounding_dino=2, sam2=1)
    for each in tasks:
        assert end_of(client, each) == "done"
        assert starts(client, each)["segment"] == 1


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_throughput_grows_with_workers(stack: Stack, figures: Figures, workers: int) -> None:
    # As long as a detector takes on a large image.
    stack.fake(3.0, **dict.fromkeys(WORKERS, workers))
    rate = rate_of(stack.api_url, clients=5 * workers, seconds=45)
    figures[f"tasks/s with {workers} worker(s) a stage of 3 s"] = f"{rate:.3f}"
    one = float(figures["tasks/s with 1 worker(s) a stage of 3 s"])
    assert rate >= MIN_EFFICIENCY * workers * one


def rate_of(url: str, clients: int, seconds: float) -> float:
    """Load a stack with so many clients and return tasks per second, once all stages work."""
    ended: list[float] = []
    done = threading.Event()

    def go_on(number: int) -> None:
        with EdgeSegClient(url) as client:
            while not done.is_set():
                client.segment_image(make_image(number), "cat")
                ended.append(time.monotonic())

    with ThreadPoolExecutor(clients) as pool:
        going = [pool.submit(go_on, number) for number in range(clients)]
        time.sleep(12)
        began = time.monotonic()
        time.sleep(seconds)
        until = time.monotonic()
        done.set()
        for each in going:
            each.result()
    # From the first to the last answer, lest a fraction of a task at either end counts.
    inside = sorted(at for at in ended if began <= at < until)
    return (len(inside) - 1) / (inside[-1] - inside[0])


def test_a_killed_container_loses_no_task(
    stack: Stack, client: EdgeSegClient, figures: Figures
) -> None:
    stack.fake(3.0, grounding_dino=2)
    tasks = submit(client, 4, seed=300, simplify="never")
    wait_until(lambda: len(busy(client, "grounding_dino_queue")) == 2, 60)
    killed_at = time.time()
    run("docker", "kill", busy(client, "grounding_dino_queue")[0])
    assert {end_of(client, each) for each in tasks} == {"done"}
    detections = [
        [each.at for each in client.events(task_id) if (each.type, each.stage) == BEGUN]
        for task_id in tasks
    ]
    again = [times[1] for times in detections if len(times) == 2]
    assert len(again) == 1
    assert again[0] > killed_at
    figures["a killed worker's task begun anew, s"] = f"{again[0] - killed_at:.1f}"


def test_a_lone_worker_that_dies_comes_back_to_its_task(
    stack: Stack, client: EdgeSegClient, figures: Figures
) -> None:
    stack.fake(3.0)
    (worker,) = stack.ids("sam2")
    (task_id,) = submit(client, 1, seed=350)
    wait_until(lambda: bool(busy(client, "sam2_queue")), 60)
    began = time.monotonic()
    os.kill(stack.inspect(worker)["State"]["Pid"], 9)
    assert end_of(client, task_id) == "done"
    figures["a lone worker killed: its task done, s"] = f"{time.monotonic() - began:.1f}"
    assert starts(client, task_id)["segment"] == 2
    assert stack.inspect(worker)["RestartCount"] == 1


def test_a_restart_of_redis_loses_no_queued_task(
    stack: Stack, client: EdgeSegClient, figures: Figures
) -> None:
    stack.fake(1.0)
    tasks = submit(client, 8, seed=400)
    wait_until(lambda: bool(busy(client, "sam2_queue")), 60)
    began = time.monotonic()
    stack.compose("restart", "redis")
    statuses = [end_of(client, each) for each in tasks]
    assert statuses == ["done"] * 8
    figures["Redis restarted: 8 queued tasks done, s"] = f"{time.monotonic() - began:.1f}"


def test_a_restart_of_the_backend_loses_no_task(stack: Stack, client: EdgeSegClient) -> None:
    stack.fake(1.0)
    tasks = submit(client, 6, seed=500)
    stack.compose("restart", "backend")
    assert {end_of(client, each) for each in tasks} == {"done"}
    assert all(sum(starts(client, each).values()) == 3 for each in tasks)


def test_a_worker_out_of_memory_costs_one_task_not_the_queue(
    stack: Stack, client: EdgeSegClient, figures: Figures
) -> None:
    settings = {**fakes(0.2), "EDGESEG_SEGMENT_MEMORY": "200m"}
    stack.up(None, **settings)
    out = io.BytesIO()
    # 216 MB once it is decoded: more than the container may have.
    PIL.Image.new("RGB", (9000, 8000)).save(out, "PNG")
    began = time.monotonic()
    task_id = client.submit(out.getvalue(), "cat")
    behind = submit(client, 2, seed=600)
    assert end_of(client, task_id, timeout_s=300) == "failed"
    with pytest.raises(WorkerLostError):
        raise_problem(client, task_id)
    assert {end_of(client, each) for each in behind} == {"done"}
    figures["out of memory three times: task failed, queue on, s"] = (
        f"{time.monotonic() - began:.0f}"
    )
    assert stack.inspect(stack.ids("sam2")[0])["RestartCount"] >= 3


def raise_problem(client: EdgeSegClient, task_id: str) -> None:
    """Raise the error that a task failed with."""
    problem = client.task(task_id).error
    assert problem is not None
    raise EdgeSegError.from_dict(problem)


def test_workers_report_metrics(stack: Stack, client: EdgeSegClient) -> None:
    stack.fake(0.2)
    client.segment_image(make_image(700), "cat")
    read = (
        "import urllib.request as u; print(u.urlopen('http://sam2:9100/metrics').read().decode())"
    )
    page = stack.compose("exec", "-T", "backend", "python", "-c", read)
    assert 'edgeseg_worker_stage_seconds_count{engine="fake",stage="segment"} 1.0' in page
    assert "process_resident_memory_bytes" in page
    assert (
        'edgeseg_queue_jobs{queue="sam2_queue",state="waiting"} 0.0'
        in httpx.get(f"{stack.api_url}/metrics").text
    )


def test_docker_compose_1_29_accepts_both_files() -> None:
    old = os.environ["DOCKER_COMPOSE_1"]
    for name in (FILE, "docker-compose.yml"):
        assert "sam2" in run(old, "-f", name, "config", "--services").split()


def fetched(stack: Stack, settings: dict[str, str]) -> str:
    """Run the service that fetches weights to its end and return its log."""
    stack.compose("up", "--no-build", "--no-deps", "--force-recreate", "weights", **settings)
    container = stack.compose("ps", "--all", "-q", "weights").strip()
    return run("docker", "logs", container, errors=True)


def test_weights_are_fetched_once_into_the_shared_volume(stack: Stack) -> None:
    stack.up()
    content = bytes(range(256)) * 4096
    files = {"config.json": b"{}", "model.safetensors": content[:1000], "sam.pt": content}
    with serving(Hub(files), "0.0.0.0") as hub:
        url = f"http://host.docker.internal:{hub.url.rpartition(':')[2]}"
        own = {
            "grounding-dino-tiny": "owner/model",
            "sam2.1-small": f"{url}/sam.pt#sha256={hashlib.sha256(content).hexdigest()}",
        }
        settings = {
            "EDGESEG_ENGINES": "full",
            "EDGESEG_HUB_URL": url,
            "EDGESEG_WEIGHTS": json.dumps(own),
        }
        hub.break_after = 300_000
        said = fetched(stack, settings)
        asked = len(hub.asked)
        assert "bytes=300000-" in [each.range for each in hub.asked], (
            "it goes on where it broke off"
        )
        again = fetched(stack, settings)
        assert len(hub.asked) == asked, "what is in the volume is not fetched again"
    assert "model.safetensors: 100%" in said, "it says how far it is"
    for name in own:
        assert name in said
        assert name in again
    read = (
        "import hashlib, json, pathlib; files = pathlib.Path('/weights').glob('*/*'); "
        "sums = {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in files}; "
        "print(json.dumps(sums))"
    )
    held = json.loads(stack.compose("exec", "-T", "sam2", "python", "-c", read))
    # A repository's checkpoints of other formats are not fetched: sam.pt is that of the URL.
    for name, data in files.items():
        assert held[name] == hashlib.sha256(data).hexdigest(), "workers see what was fetched"


def test_down_leaves_nothing(stack: Stack) -> None:
    stack.fake(0.2)
    stack.compose("down", "--volumes")
    mine = f"label=com.docker.compose.project={PROJECT}"
    for kind in (("ps", "--all"), ("network", "ls"), ("volume", "ls")):
        assert run("docker", *kind, "--quiet", "--filter", mine) == ""
