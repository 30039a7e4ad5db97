"""The JSON of many results, written row by row: a list, or JSON Lines."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, Any

from edgeseg.cli.outputs import write_bytes

STDOUT = Path("-")


class ResultFile:
    """Writes rows as they come; ``close`` finishes the list.

    Until then it lies beside its target, one row a line, so that what a killed run left can be read
    again.
    """

    def __init__(self, target: Path, rows: list[dict[str, Any]]) -> None:
        self.target = target
        self.is_lines = target.suffix.lower() == ".jsonl"
        self._count = 0
        self._part = part_of(target)
        self._stream: IO[str] = self._open()
        for row in rows:
            self.write(row)

    def write(self, row: dict[str, Any]) -> None:
        """Add one row and hand it to the system."""
        text = json.dumps(row)
        if self.is_lines:
            self._stream.write(f"{text}\n")
        else:
            self._stream.write(f"{',' if self._count else '['}\n{text}")
        self._stream.flush()
        self._count += 1

    def close(self) -> None:
        """Finish the file, also one without rows."""
        if not self.is_lines:
            self._stream.write("\n]\n" if self._count else "[]\n")
            self._stream.flush()
        if self.target == STDOUT:
            return
        self._stream.close()
        os.replace(self._part, self.target)

    def _open(self) -> IO[str]:
        if self.target == STDOUT:
            return sys.stdout
        return self._part.open("w", encoding="utf-8")


def part_of(target: Path) -> Path:
    """Return where a file is until it is whole."""
    return target.with_name(f".{target.name[:200]}.part")


def read_rows(target: Path) -> list[dict[str, Any]]:
    """Return the rows of an earlier run, finished or interrupted; a torn last row is left out."""
    rows: dict[str, dict[str, Any]] = {}
    for path in (target, part_of(target)):
        if path == STDOUT or not path.is_file():
            continue
        for row in _rows_of(path.read_text(encoding="utf-8", errors="replace")):
            if isinstance(row, dict) and isinstance(row.get("file"), str):
                rows[row["file"]] = row
    return list(rows.values())


def _rows_of(text: str) -> list[Any]:
    try:
        whole = json.loads(text)
        return whole if isinstance(whole, list) else [whole]
    except ValueError:
        rows = []
        for line in text.splitlines():
            try:
                rows.append(json.loads(line.strip().removesuffix(",")))
            except ValueError:
                continue
        return rows


def write_single(target: Path, row: dict[str, Any]) -> None:
    """Write the JSON of one result, indented for people; ``-`` prints it."""
    is_lines = target.suffix.lower() == ".jsonl"
    text = json.dumps(row, indent=None if is_lines else 2)
    if target == STDOUT:
        print(text)
    else:
        write_bytes(target, f"{text}\n".encode())
