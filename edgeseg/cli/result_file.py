"""The JSON of many results, written row by row: a list, or JSON Lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from edgeseg.files import finish_part, is_special, part_of, replacing, write_bytes

STDOUT = Path("-")
_NAMES_OF_STDOUT = {Path(name) for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")}

Row = dict[str, Any]


class ResultFile:
    """Writes rows as they come; ``close`` finishes the list.

    JSON Lines go straight to their file. A list lies beside its target, one row a line, until it is
    whole; what a killed run left of it can be read again. Nothing is touched before the first row,
    and nothing of an earlier run is deleted before ``rows``, those of it that stay, are written.
    """

    def __init__(self, target: Path, rows: Iterable[Row] = ()) -> None:
        self.target = target
        self.is_lines = is_lines(target)
        self._kept = rows
        self._count = 0
        self._stream: IO[str] | None = None

    def write(self, row: Row) -> None:
        """Add one row and hand it to the system."""
        stream = self._stream or self._open()
        with self._naming_errors():
            self._add(stream, row)
            stream.flush()

    def close(self) -> None:
        """Finish the file, also one without rows; it is closed even if that fails."""
        stream = self._stream or self._open()
        try:
            with self._naming_errors():
                if not self.is_lines:
                    stream.write("\n]\n" if self._count else "[]\n")
                stream.flush()
        except OSError:
            self._abandon(stream)
            raise
        if self.target == STDOUT:
            return
        stream.close()
        if not self.is_lines and not is_special(self.target):
            finish_part(self.target)

    @contextmanager
    def _naming_errors(self) -> Iterator[None]:
        """Give an OSError the name of the target: that of a full disk has none."""
        try:
            yield
        except OSError as error:
            error.filename = error.filename or str(self.target)
            raise

    def _abandon(self, stream: IO[str]) -> None:
        """Close a stream with text that cannot be written, lest Python tries that at its end."""
        if self.target != STDOUT:
            with suppress(OSError):
                stream.close()

    def _add(self, stream: IO[str], row: Row) -> None:
        text = json.dumps(row)
        if self.is_lines:
            stream.write(f"{text}\n")
        else:
            stream.write(f"{',' if self._count else '['}\n{text}")
        self._count += 1

    def _open(self) -> IO[str]:
        if self.target == STDOUT:
            self._stream = sys.stdout
        elif is_special(self.target):
            self._stream = self.target.open("w", encoding="utf-8")
        else:
            path = self.target if self.is_lines else part_of(self.target)
            with replacing(path) as copy, copy.open("w", encoding="utf-8") as stream:
                for row in self._kept:
                    self._add(stream, row)
            self._stream = path.open("a", encoding="utf-8")
        return self._stream


class EarlierRows:
    """The rows of an earlier run, finished or interrupted; only their files and prompts are held.

    A torn last row is left out. Of several rows of one file the last counts.
    """

    def __init__(self, target: Path) -> None:
        # The part of JSON Lines is a copy of rows that are still in their file.
        paths = [target] if is_lines(target) else [target, part_of(target)]
        self._paths = [] if target == STDOUT else paths
        self._last: dict[str, int] = {}
        self.prompts: dict[str, str] = {}
        for number, row in enumerate(self._all()):
            self._last[row["file"]] = number
            self.prompts[row["file"]] = str(row.get("prompt"))

    def without(self, files: Iterable[str]) -> Iterator[Row]:
        """Yield the rows of all other files, read again."""
        names = set(files)
        for number, row in enumerate(self._all()):
            if row["file"] not in names and self._last.get(row["file"]) == number:
                yield row

    def _all(self) -> Iterator[Row]:
        for path in self._paths:
            if path.is_file():
                for row in _rows_in(path):
                    if isinstance(row, dict) and isinstance(row.get("file"), str):
                        yield row


def _rows_in(path: Path) -> Iterator[Any]:
    """Yield rows of a file that has one in each line; another one is read whole."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        first = stream.readline()
        row = _row(stream.readline() if first == "[\n" else first)
        if not isinstance(row, dict):
            stream.seek(0)
            whole = _parse(stream.read())
            yield from whole if isinstance(whole, list) else [whole]
            return
        stream.seek(0)
        for line in stream:
            yield _row(line)


def _row(line: str) -> Any:
    """Return the row of a line, in a list or alone."""
    return _parse(line.strip().removesuffix(","))


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def is_lines(target: Path) -> bool:
    """Say whether a file is of JSON Lines."""
    return target.suffix.lower() == ".jsonl"


def json_target(name: Path | None) -> Path | None:
    """Return where JSON goes; every name of standard output is ``-``."""
    return STDOUT if name in _NAMES_OF_STDOUT else name


def write_single(target: Path, row: Row) -> None:
    """Write the JSON of one result, indented for people; ``-`` prints it."""
    text = json.dumps(row, indent=None if is_lines(target) else 2)
    if target == STDOUT:
        print(text)
    else:
        write_bytes(target, f"{text}\n".encode())
