"""``edgeseg bench nano``: how fast and how large the in-process engines are, in a fresh process."""

from __future__ import annotations

import io
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeseg.cli.outputs import Overwrite, check_json, write_json
from edgeseg.engines import registry
from edgeseg.platforms import module_command, module_environment
from edgeseg.settings import Role

ROLES: tuple[Role, ...] = ("simplify", "detect", "segment")
PHOTO, PROMPT = "chelsea", "cat"
# Where most clicks find nothing, so that most of them are made.
BUSY_PHOTO = "coffee"
SIZE = (640, 480)
WARM_UP = 5
# At most, each of them on two cores.
LIMITS: dict[str, float] = {
    "text_to_masks_ms": 150,
    "refine_ms": 30,
    "everything_ms": 3000,
    "peak_rss_mb": 350,
    "load_s": 1,
}


def nano(
    requests: Annotated[int, typer.Option(min=3, help="Requests of each kind.")] = 30,
    engines: Annotated[str, typer.Option(help="Family of engines.")] = "nano",
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure a 640x480 photo from text to masks, a click, everything, memory and loading."""
    check_json(json_path, overwrite)
    for role in ROLES:
        registry.find(role, engines)
    # A fresh process, so that memory and loading are those of a program that only segments.
    run = [*module_command(__name__), str(requests), engines]
    done = subprocess.run(
        run, env=module_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr or done.returncode)
    figures: dict[str, Any] = json.loads(done.stdout)
    for name, value in figures.items():
        limit = f"   at most {LIMITS[name]:g}" if name in LIMITS else ""
        print(f"{name:<24}{value:>8.2f}{limit}")
    if json_path is not None:
        write_json(json_path, figures)
    if any(figures[name] > limit for name, limit in LIMITS.items()):
        raise typer.Exit(1)


def measure(requests: int, engines: str) -> dict[str, float]:
    """Time loading, then requests with a photo that no cache knows, clicks on one, and everything.

    ``load_s`` begins before the first import and ends when all engines are ready. Raises
    ValueError when the prompt finds nothing, for then there is nothing to measure.
    """
    started = time.perf_counter()
    from edgeseg.pipeline import EdgeSegAI

    ai = EdgeSegAI(engines, engines, engines, ttl=-1)
    for role in ROLES:
        with ai.residency.lease(role, engines):
            pass
    load_s = time.perf_counter() - started
    photo, busy, numbers = _photo(PHOTO), _photo(BUSY_PHOTO), itertools.count()

    def fresh(photo: bytes = photo) -> bytes:
        # Bytes after the end of a JPEG change its hash and nothing else.
        return photo + next(numbers).to_bytes(4, "big")

    requests_ms, requests_cpu_ms = _timed_ms(lambda: ai.segment_image(fresh(), PROMPT), requests)
    result = ai.segment_image(photo, PROMPT)
    if not result.objects:
        raise ValueError(f"The engines find no {PROMPT} in the photo.")
    click = [{"x": SIZE[0] / 2, "y": SIZE[1] / 2}]
    clicks_ms, clicks_cpu_ms = _timed_ms(
        lambda: ai.refine(result, object_id=0, points=click), requests
    )
    everything_ms, everything_cpu_ms = _timed_ms(
        lambda: ai.segment_everything(fresh(busy)), max(1, requests // 10), warm_up=1
    )
    from edgeseg.benchmarks.memory import peak_rss_mb
    from edgeseg.platforms import cpu_count

    return {
        "cores": float(cpu_count()),
        "load_s": load_s,
        "text_to_masks_ms": statistics.median(requests_ms),
        "text_to_masks_p95_ms": sorted(requests_ms)[int(0.95 * len(requests_ms))],
        "text_to_masks_cpu_ms": requests_cpu_ms,
        "objects": float(len(result.objects)),
        "refine_ms": statistics.median(clicks_ms),
        "refine_p95_ms": sorted(clicks_ms)[int(0.95 * len(clicks_ms))],
        "refine_cpu_ms": clicks_cpu_ms,
        "everything_ms": statistics.median(everything_ms),
        "everything_cpu_ms": everything_cpu_ms,
        "peak_rss_mb": peak_rss_mb(),
        **{f"{name}_ms": ms for name, ms in result.result.timings_ms.items()},
    }


def _photo(name: str) -> bytes:
    import PIL.Image

    from edgeseg.cli.demo import find_photo

    with PIL.Image.open(find_photo(name)) as pil_image:
        out = io.BytesIO()
        pil_image.convert("RGB").resize(SIZE).save(out, "JPEG", quality=90)
    return out.getvalue()


def _timed_ms(
    action: Callable[[], object], times: int, warm_up: int = WARM_UP
) -> tuple[list[float], float]:
    """Milliseconds of each call after a warm-up, and those of all CPU cores on average.

    The latter hardly depend on what else the machine does.
    """
    spent_ms: list[float] = []
    cpu_s = 0.0
    for turn in range(warm_up + times):
        if turn == warm_up:
            cpu_s = time.process_time()
        started = time.perf_counter()
        action()
        if turn >= warm_up:
            spent_ms.append((time.perf_counter() - started) * 1000)
    return spent_ms, (time.process_time() - cpu_s) * 1000 / times


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
