"""Files that are written whole or not at all, and what tells files apart."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class replacing:  # noqa: N801 (reads as a verb)
    """A file beside the target that takes its place when the block ends without an error.

    A symbolic link stays one: the file that it names is replaced. An OSError, as of a full disk,
    gets the name of the target.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target if is_special(target) else part_of(target)

    def __enter__(self) -> Path:
        return self._part

    def __exit__(self, kind: type[BaseException] | None, error: object, *_: object) -> None:
        if self._part != self._target:
            if kind is None:
                finish_part(self._target)
            else:
                with suppress(OSError):
                    self._part.unlink()
        if isinstance(error, OSError):
            error.filename = error.filename or str(self._target)


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(target) as part:
        part.write_bytes(data)


def is_special(path: Path) -> bool:
    """Say whether this is a device or pipe, as /dev/null: it is written to and not replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()


def part_of(target: Path) -> Path:
    """Return where a file is until it is whole: hidden, beside it."""
    real = Path(os.path.realpath(target))
    return real.with_name(f".{real.name[:200]}.part")


def finish_part(target: Path) -> None:
    """Put the whole file in its place."""
    os.replace(part_of(target), os.path.realpath(target))


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells files apart, whatever their names; None for a file that is not there."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
