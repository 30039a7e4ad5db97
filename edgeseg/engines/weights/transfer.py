"""What every transfer of weights needs: access to the hub, checksums and progress."""

from __future__ import annotations

import hashlib
import io
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edgeseg.errors import EngineUnavailableError

log = logging.getLogger(__name__)
LINE_EVERY_S = 10.0
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Access:
    """How to reach the hub; ``advice`` says what to fetch by hand when that fails."""

    hub_url: str
    token: str | None
    offline: bool
    advice: str


@dataclass(frozen=True)
class Checked:
    """A file name with the checksum of its content.

    ``checksum`` is a SHA-256 (64 hexadecimal digits) or the SHA-1 of a git blob (40).
    """

    name: str
    checksum: str

    def matches(self, path: Path) -> bool:
        """Say whether the content of ``path`` has the checksum."""
        if len(self.checksum) == 64:
            hasher = hashlib.sha256()
        else:
            header = f"blob {path.stat().st_size}\0".encode()
            hasher = hashlib.sha1(header, usedforsecurity=False)
        with path.open("rb") as data:
            while block := data.read(_BLOCK):
                hasher.update(block)
        return hasher.hexdigest() == self.checksum

    def require(self, path: Path, origin: str) -> None:
        """Delete ``path`` and raise EngineUnavailableError unless its checksum is right."""
        if not self.matches(path):
            path.unlink()
            raise EngineUnavailableError(f"{origin}: checksum mismatch: the file was deleted.")


class _LogLines(io.TextIOBase):
    """Writes each state of a progress bar as a line of the log."""

    def write(self, text: str) -> int:
        if state := text.strip():
            log.info("%s", state)
        return len(text)


class Progress(tqdm):  # type: ignore[type-arg]
    """A progress bar on a terminal; elsewhere, as in a container's log, a line now and then."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # huggingface_hub names its bars, which tqdm does not know.
        options.pop("name", None)
        if not sys.stderr.isatty():
            options |= {"file": _LogLines(), "mininterval": LINE_EVERY_S}
            options |= {"ascii": True, "ncols": 80, "disable": False}
        super().__init__(*args, **options)
