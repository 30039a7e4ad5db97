"""Many clients at once, and /health meanwhile: ``python -m tests.services.crowd 1000``."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np

from edgeseg.codecs import encode_png
from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack

BOUNDARY = "edgeseg"


@dataclass(frozen=True)
class Answer:
    """What one client got: ``code`` is that of the problem, or empty."""

    status: int
    code: str
    retry_after: str
    seconds: float


def request_of(url: str, image: bytes, fields: dict[str, str]) -> bytes:
    """Return POST /segment as bytes, so that the clients have nothing left to compute."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    body = "".join([*parts, file]).encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()
    head = (
        f"POST /segment HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _ask(host: str, port: int, request: bytes) -> Answer:
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    seconds = time.monotonic() - began
    writer.close()
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    status = int(lines[0].split()[1])
    code = "" if status == 200 else str(json.loads(body)["code"])
    return Answer(status, code, headers.get("retry-after", ""), seconds)


def ask_all(url: str, requests: Sequence[bytes]) -> list[Answer]:
    """Send all requests at once, each over a connection of its own."""
    where = urlsplit(url)

    async def all_at_once() -> list[Answer]:
        asked = [_ask(where.hostname or "", where.port or 80, each) for each in requests]
        return await asyncio.gather(*asked)

    return asyncio.run(all_at_once())


def probe_while(url: str, requests: Sequence[bytes]) -> tuple[list[Answer], list[Answer]]:
    """Send all from another process; return their answers, and those of /health meanwhile."""
    context = multiprocessing.get_context("spawn")
    probes = []
    # A probe has no connection yet.
    limits = httpx.Limits(max_keepalive_connections=0)
    with context.Pool(1) as pool, httpx.Client(limits=limits, timeout=30) as client:
        pool.apply(time.sleep, (0,))
        pending = pool.apply_async(ask_all, (url, requests))
        while not pending.ready():
            began = time.monotonic()
            answer = client.get(f"{url}/health")
            code = "" if answer.status_code == 200 else str(answer.json()["code"])
            probes.append(Answer(answer.status_code, code, "", time.monotonic() - began))
            pending.wait(0.02)
        return pending.get(), probes


def main() -> None:
    """Print how a crowd of so many clients fares at a stack with fake engines."""
    count = int(sys.argv[1])
    image = encode_png(np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(engines="fake", api_port=0, data_dir=Path(folder))
        with EmbeddedStack(settings) as stack:
            request = request_of(stack.api_url, image, {"text_prompt": "cat"})
            for _ in range(3):
                report(*probe_while(stack.api_url, [request] * count))


def report(answers: list[Answer], probes: list[Answer]) -> None:
    """Print counts and times."""
    for status, code in sorted({(each.status, each.code) for each in answers}):
        times = [each.seconds for each in answers if (each.status, each.code) == (status, code)]
        p50, p99, most = np.percentile(times, (50, 99, 100))
        print(f"{status} {code}: {len(times)}, p50 {p50:.2f} s, p99 {p99:.2f} s, max {most:.2f} s")
    p50, p99, most = np.percentile([each.seconds * 1000 for each in probes], (50, 99, 100))
    print(
        f"/health: {dict(Counter(each.status for each in probes))}, p50 {p50:.0f} ms, "
        f"p99 {p99:.0f} ms, max {most:.0f} ms"
    )


if __name__ == "__main__":
    main()
