"""What a run of fuzzing has seen, counted from several threads."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import httpx

HANG_S = 10.0
# These say that there is more work than room, which is an answer and no fault.
BUSY = ("queue_full", "too_many_connections")


class Tally:
    """Counts requests by phase and status, faults, and the slowest answer."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.faults: list[str] = []
        self.slowest_s = 0.0
        self._lock = threading.Lock()

    def note(self, phase: str, started: float, answer: httpx.Response | None, what: str) -> None:
        """Count an answer; None is a connection that broke before one came."""
        seconds = time.monotonic() - started
        code = "broken" if answer is None else str(answer.status_code)
        with self._lock:
            self.requests[phase] += 1
            self.statuses[code] += 1
            self.slowest_s = max(self.slowest_s, seconds)
            if answer is not None and answer.status_code >= 500 and not _is_busy(answer):
                self.faults.append(f"{phase}: {code} for {what}: {answer.text[:300]}")
            if seconds > HANG_S:
                self.faults.append(f"{phase}: {seconds:.1f} s for {what}")

    def fault(self, text: str) -> None:
        """Note a fault that is no answer, such as a dead process."""
        with self._lock:
            self.faults.append(text)


def memory_mb(pid: int) -> float:
    """Resident memory of a process, 0 for one that is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def _is_busy(answer: httpx.Response) -> bool:
    try:
        return answer.status_code == 503 and answer.json().get("code") in BUSY
    except ValueError:
        return False
