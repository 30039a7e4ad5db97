"""One export: what of, for what, and where its files are until they are whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseg.engines.export.options import ExportOptions, Target
from edgeseg.engines.spec import Entry

if TYPE_CHECKING:
    from edgeseg.engines.export.agreement import Sample

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One export into ``folder``, the names of whose files begin with ``stem``."""

    entry: Entry
    target: Target
    options: ExportOptions
    folder: Path
    stem: str
    samples: tuple[Sample, ...]
    progress: Progress

    def path(self, part: str, suffix: str) -> Path:
        """Return where the file of a part goes: ``edge_sam_encoder.onnx``."""
        return self.folder / f"{self.stem}_{part}{suffix}"

    @property
    def card(self) -> Path:
        """Where the card goes."""
        return self.folder / f"{self.stem}_{self.target}.json"
