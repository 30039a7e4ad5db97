"""The parts of a run of fuzzing against one stack: images, bodies, rude clients, kills, schemas."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import httpx

from edgeseg.client import EdgeSegClient
from edgeseg.stack.local import EmbeddedStack
from tests.fuzz.images import images, whole_png
from tests.fuzz.results import results
from tests.fuzz.tally import HANG_S, Tally

THREADS = 6
KILLED = ("simplify-1", "detect-1", "segment-1")


def send_images(stack: EmbeddedStack, tally: Tally, seed: int, count: int, until: float) -> int:
    """Send mutated images to every endpoint that takes one; returns how many."""
    source, lock = images(seed), threading.Lock()
    paths = ("/detect", "/segment", "/simplify")

    def one(number: int) -> bool:
        if time.monotonic() > until:
            return False
        with lock:
            name, data = next(source)
        path = paths[number % 3] if number % 4 == 0 else "/detect"
        form = {"text_prompt": "cat . dog ."}
        if path != "/simplify":
            form |= {"simplify": "never"}
        _post(client, tally, "images", path, {"image": (name, data)}, form)
        return True

    with httpx.Client(base_url=stack.api_url, timeout=4 * HANG_S) as client:
        return _parallel(one, count)


def send_results(stack: EmbeddedStack, tally: Tally, seed: int, count: int, until: float) -> int:
    """Send changed results to POST /export; returns how many requests."""
    rows = list(islice(results(seed, count), count))

    def one(number: int) -> bool:
        if time.monotonic() > until:
            return False
        name, documents = rows[number]
        files = [("result", (f"{i}.json", each.data)) for i, each in enumerate(documents)]
        _post(client, tally, "results", "/export", files, {"format": name})
        return True

    with httpx.Client(base_url=stack.api_url, timeout=4 * HANG_S) as client:
        return _parallel(one, count)


def be_rude(stack: EmbeddedStack, tally: Tally, seed: int, count: int, until: float) -> int:
    """Send half requests, lies about lengths, odd heads and floods, and leave early."""
    rng = random.Random(seed)
    host, port = re.fullmatch(r"http://(.+):(\d+)", stack.api_url).groups()  # type: ignore[union-attr]
    good = f"Host: {host}:{port}\r\n".encode()
    body = b'--b\r\nContent-Disposition: form-data; name="text_prompt"\r\n\r\ncat\r\n--b--\r\n'
    form = b"Content-Type: multipart/form-data; boundary=b\r\n"
    requests = [
        b"POST /segment HTTP/1.1\r\n" + good + form + b"Content-Length: 900000\r\n\r\n" + body,
        b"POST /segment HTTP/1.1\r\n" + good + form + b"Content-Length: -1\r\n\r\n" + body,
        b"POST /segment HTTP/1.1\r\n" + good + form + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\n" + good + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + good + b"H: v\r\n" * 2000 + b"\r\n",
        b"GET /tasks/\xff\xfe HTTP/1.1\r\n" + good + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"",
    ]  # fmt: skip
    sent = 0
    for _ in range(count):
        if time.monotonic() > until:
            break
        started = time.monotonic()
        with socket.create_connection((host, int(port)), timeout=HANG_S) as connection:
            data = rng.choice(requests)
            try:
                connection.sendall(data[: rng.choice((len(data), len(data) // 2))])
                if rng.random() < 0.3:
                    connection.settimeout(0.2)
                    connection.recv(1000)
            except (OSError, TimeoutError):
                pass
        tally.note("rude", started, None, repr(data[:60]))
        sent += 1
    return sent


def kill_workers(stack: EmbeddedStack, tally: Tally, seed: int, count: int, until: float) -> int:
    """Kill workers while tasks are on their way; each task must end, and none by being lost."""
    rng, data, done = random.Random(seed), whole_png(seed), 0
    with EdgeSegClient(stack.api_url) as client:
        while done < count and time.monotonic() < until:
            tasks = [client.submit(data, "cat . dog .") for _ in range(6)]
            victim = stack.child(rng.choice(KILLED))
            os.kill(victim.pid, signal.SIGKILL)
            # It is dead some time after the signal; only then can it be seen to be started again.
            victim.wait(HANG_S)
            for task in tasks:
                _await(client, stack, task, tally)
            done += 1
    return done


def check_schema(stack: EmbeddedStack, tally: Tally, seed: int, examples: int, until: float) -> int:
    """Run schemathesis over all operations with all checks; returns the number of requests."""
    budget_s = max(5, int(until - time.monotonic()))
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file", str(Path(__file__).with_name("schemathesis.toml")),
        "run", f"{stack.api_url}/openapi.json", "--checks", "all", "--seed", str(seed),
        "--max-examples", str(examples), "--max-time", str(budget_s), "--no-color",
        "--continue-on-failure", "--output-truncate", "true", "--request-timeout", str(4 * HANG_S),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"(\d+) generated", done.stdout)
    count = int(found[1]) if found else 0
    tally.requests["schema"] += count
    # Each block of a failure holds the check's name, what was expected and how to repeat it.
    for block in re.split(r"^_{10,}.*_{10,}$", done.stdout, flags=re.MULTILINE)[1:]:
        tally.fault(f"schema: {block.strip()[:1500]}")
    if not count:
        tally.fault(f"schema: nothing was sent: {done.stdout[-500:]}{done.stderr[-500:]}")
    return count


def _post(
    client: httpx.Client, tally: Tally, phase: str, path: str, files: object, form: object
) -> None:
    started, answer = time.monotonic(), None
    try:
        answer = client.post(path, files=files, data=form)  # type: ignore[arg-type]
    except httpx.TransportError as error:
        tally.fault(f"{phase}: {type(error).__name__} at {path}")
    tally.note(phase, started, answer, f"{path} {form}")


def _await(client: EdgeSegClient, stack: EmbeddedStack, task: str, tally: Tally) -> None:
    started = time.monotonic()
    while time.monotonic() - started < 60:
        stack.watch()
        status = client.task(task)
        if status.status in ("done", "failed"):
            tally.requests["kills"] += 1
            if status.error is not None and status.error["code"] == "worker_lost":
                tally.fault(f"kills: the task {task} was lost")
            return
        time.sleep(0.05)
    tally.fault(f"kills: the task {task} did not end")


def _parallel(one: Callable[[int], bool], count: int) -> int:
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(one, range(count)))
