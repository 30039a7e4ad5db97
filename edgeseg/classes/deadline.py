"""Until when classes are decoded."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Deadline:
    """A time on the clock of `time.perf_counter`, in seconds; by default never."""

    at_s: float = math.inf

    @classmethod
    def of(cls, deadline_ms: float | None, spent_ms: float) -> Self:
        """Return the deadline of a request for which so much has been spent; None: never."""
        if deadline_ms is None:
            return cls()
        return cls(time.perf_counter() + (deadline_ms - spent_ms) / 1000)

    def leaves(self, needed_s: float = 0.0) -> bool:
        """Say whether something that takes so long can be done before it."""
        return time.perf_counter() + needed_s < self.at_s
