"""The JSON of many results, written row by row: a list, or JSON Lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, Any

from edgeseg.files import finish_part, is_special, part_of, write_bytes

STDOUT = Path("-")
_NAMES_OF_STDOUT = {Path(name) for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")}


class ResultFile:
    """Writes rows as they come; ``close`` finishes the list.

    JSON Lines go straight to their file. A list lies beside its target, one row a line, until it is
    whole; what a killed run left of it can be read again. Nothing is touched before the first row.
    """

    def __init__(self, target: Path, rows: list[dict[str, Any]]) -> None:
        self.target = target
        self.is_lines = target.suffix.lower() == ".jsonl"
        self._kept = rows
        self._count = 0
        self._stream: IO[str] | None = None

    def write(self, row: dict[str, Any]) -> None:
        """Add one row and hand it to the system."""
        stream = self._stream or self._open()
        try:
            self._add(stream, row)
            stream.flush()
        except OSError as error:
            # A full disk has no name of its own.
            error.filename = error.filename or str(self.target)
            raise

    def close(self) -> None:
        """Finish the file, also one without rows."""
        stream = self._stream or self._open()
        if not self.is_lines:
            stream.write("\n]\n" if self._count else "[]\n")
        stream.flush()
        if self.target == STDOUT:
            return
        stream.close()
        if not self.is_lines and not is_special(self.target):
            finish_part(self.target)

    def _add(self, stream: IO[str], row: dict[str, Any]) -> None:
        text = json.dumps(row)
        if self.is_lines:
            stream.write(f"{text}\n")
        else:
            stream.write(f"{',' if self._count else '['}\n{text}")
        self._count += 1

    def _open(self) -> IO[str]:
        if self.target == STDOUT:
            stream: IO[str] = sys.stdout
        elif is_special(self.target):
            stream = self.target.open("w", encoding="utf-8")
        else:
            stream = part_of(self.target).open("w", encoding="utf-8")
        for row in self._kept:
            self._add(stream, row)
        self._kept = []
        stream.flush()
        if self.is_lines and self.target != STDOUT and not is_special(self.target):
            # The lines that are kept are safe before those of an earlier run go.
            stream.close()
            finish_part(self.target)
            stream = self.target.open("a", encoding="utf-8")
        self._stream = stream
        return stream


def json_target(name: Path | None) -> Path | None:
    """Return where JSON goes; every name of standard output is ``-``."""
    return STDOUT if name in _NAMES_OF_STDOUT else name


def read_rows(target: Path) -> list[dict[str, Any]]:
    """Return the rows of an earlier run, finished or interrupted; a torn last row is left out."""
    rows: dict[str, dict[str, Any]] = {}
    for path in (target, part_of(target)):
        if target == STDOUT or not path.is_file():
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
