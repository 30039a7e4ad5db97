"""Fuzzes a whole stack on this machine: `python -m tests.fuzz --seed N --minutes M`.

Every phase has a share of the time. It ends with a table, and fails when a request ends in a server
error, an answer takes over ten seconds, a process dies unasked or memory grows.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack
from tests.fuzz import phases
from tests.fuzz.tally import Tally, memory_mb

Phase = Callable[[EmbeddedStack, Tally, int, int, float], int]
# Name, what runs, how many at most in a whole run, share of the time, least number that counts as a
# whole run.
PHASES: tuple[tuple[str, Phase, int, float, int], ...] = (
    ("images", phases.send_images, 10_500, 0.45, 10_000),
    ("results", phases.send_results, 4_000, 0.15, 2_000),
    ("rude", phases.be_rude, 600, 0.05, 200),
    ("kills", phases.kill_workers, 15, 0.1, 5),
    ("schema", phases.check_schema, 400, 0.25, 8_000),
)
WORKERS = ("simplify-1", "detect-1", "segment-1")
# Beyond what a process takes once it has served a while.
GROWTH_MB = 80.0


def run(seed: int, minutes: float, is_whole: bool) -> tuple[Tally, list[str]]:
    """Run all phases; returns the tally and the table's lines."""
    tally, lines = Tally(), [f"seed {seed}"]
    settings = Settings(
        engines="fake", api_port=0, data_dir=Path(tempfile.mkdtemp()), task_ttl_s=20, threads=1
    )
    with EmbeddedStack(settings) as stack:
        phases.send_images(stack, tally, seed + 1, 200, time.monotonic() + 20)
        before = _memory(stack)
        for name, phase, count, share, wanted in PHASES:
            until = time.monotonic() + share * minutes * 60
            pids = _pids(stack)
            began = time.monotonic()
            done = phase(stack, tally, seed, count if is_whole else max(2, count // 60), until)
            lines.append(f"{name:<10}{done:>8}  in {time.monotonic() - began:.0f} s")
            _settle(stack)
            died = [child for child, pid in _pids(stack).items() if pid != pids[child]]
            if name != "kills" and died:
                tally.fault(f"{name}: {', '.join(died)} died")
            if name == "kills" and not died:
                tally.fault("kills: nothing was killed")
            if is_whole and done < wanted:
                tally.fault(f"{name}: {done} instead of {wanted}")
        for name, after_mb in _memory(stack).items():
            lines.append(f"memory of {name:<12}{before[name]:>6.0f} to {after_mb:.0f} MB")
            if name == "backend" and after_mb - before[name] > GROWTH_MB:
                tally.fault(f"{name} grew by {after_mb - before[name]:.0f} MB")
    lines += [
        f"requests  {sum(tally.requests.values()):>8}  by phase {dict(tally.requests)}",
        f"statuses  {dict(sorted(tally.statuses.items()))}",
        f"slowest   {tally.slowest_s:.1f} s",
        f"faults    {len(tally.faults)}",
        *tally.faults[:20],
    ]
    return tally, lines


def _settle(stack: EmbeddedStack) -> None:
    """Wait until all that was killed on purpose has started again and takes tasks."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        stack.watch()
        if httpx.get(f"{stack.api_url}/health", timeout=30).is_success:
            return
        time.sleep(0.1)


def _pids(stack: EmbeddedStack) -> dict[str, int]:
    return {child.name: child.pid for child in stack.children}


def _memory(stack: EmbeddedStack) -> dict[str, float]:
    return {name: memory_mb(stack.child(name).pid) for name in ("redis", "backend", *WORKERS)}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--short", action="store_true", help="a sixtieth of everything")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    tally, lines = run(args.seed, args.minutes, not args.short)
    print("\n".join(lines))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
