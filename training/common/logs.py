"""The log of a run: a line on the screen, rows of CSV, and events for TensorBoard."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class RunLog:
    """Writes ``log.csv`` (step, name, value) and, where tensorboardX is installed, events.

    After a restart rows go on below the old ones, without those that the restart repeats.
    """

    def __init__(self, folder: Path, step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "log.csv"
        kept = [row for row in read_log(path) if row[0] <= step]
        self._file = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(("step", "name", "value"))
        self._rows.writerows(kept)
        self._events = _events(folder / "tensorboard", step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers of a step."""
        for name, value in values.items():
            self._rows.writerow((step, name, f"{value:.6g}"))
            if self._events is not None:
                self._events.add_scalar(name, value, step)
        self._file.flush()

    def close(self) -> None:
        """Finish both."""
        self._file.close()
        if self._events is not None:
            self._events.close()


def read_log(path: Path) -> list[tuple[int, str, float]]:
    """Return the rows of a log; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [(int(row[0]), row[1], float(row[2])) for row in rows if len(row) == 3]


def _events(folder: Path, step: int) -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        return None
    # Events of steps that are repeated are hidden.
    return SummaryWriter(str(folder), purge_step=step + 1, flush_secs=30)
