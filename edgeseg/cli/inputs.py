"""Images that a command line names: files, folders, globs and standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeseg.cli.outputs import is_ours
from edgeseg.codecs.image import SUFFIXES
from edgeseg.errors import NoImageError

STDIN = "-"
HEIC = (".heic", ".heif")


@dataclass(frozen=True)
class Input:
    """One image: ``path`` is None for standard input, ``name`` is unique and without suffix."""

    path: Path | None
    name: str

    @property
    def shown(self) -> str:
        """What messages and results call it."""
        return STDIN if self.path is None else str(self.path)

    def source(self) -> Path | bytes:
        """Return what the library reads."""
        return sys.stdin.buffer.read() if self.path is None else self.path


def is_several(sources: Sequence[str]) -> bool:
    """Say whether outputs are lists and folders: a folder or glob is several, whatever it holds."""
    return len(sources) != 1 or Path(sources[0]).is_dir() or _is_glob(sources[0])


def find_images(sources: Sequence[str]) -> list[Input]:
    """Resolve files, folders (their images, sorted) and globs, each image once.

    Hidden files, and overlays and masks that EdgeSeg wrote, are left out of folders and globs.
    Raises NoImageError for a folder or glob without images.
    """
    paths: dict[Path | None, None] = {}
    for source in sources:
        paths.update(dict.fromkeys(_resolve(source)))
    names = iter(_names([path for path in paths if path is not None]))
    return [Input(path, "stdin" if path is None else next(names)) for path in paths]


def _resolve(source: str) -> list[Path | None]:
    if source == STDIN:
        return [None]
    path = Path(source)
    if path.is_dir():
        candidates: Iterable[Path] = path.iterdir()
    elif _is_glob(source):
        # Brackets are more often part of a name than a class of characters: "photos [2024]/*.jpg".
        literal = glob.glob(source.replace("[", "[[]"), recursive=True)
        candidates = map(Path, literal or glob.glob(source, recursive=True))
    else:
        return [path]
    files = sorted(each for each in candidates if each.is_file() and not _is_hidden(each))
    images = [each for each in files if each.suffix.lower() in SUFFIXES]
    found = [each for each in images if not is_ours(each)]
    if not found:
        raise NoImageError(_why_none(source, files, images))
    return list(found)


def _is_glob(source: str) -> bool:
    return any(sign in source for sign in "*?[") and not os.path.lexists(source)


def _is_hidden(path: Path) -> bool:
    """Whether a file is hidden, as the ``._name`` files that macOS leaves on other disks."""
    return path.name.startswith(".")


def _why_none(source: str, files: Sequence[Path], images: Sequence[Path]) -> str:
    if images:
        return f"{source} holds only overlays and masks that EdgeSeg wrote."
    if any(each.suffix.lower() in HEIC for each in files):
        return (
            f"{source} holds HEIC images, which are not read: convert them to JPEG first "
            "(macOS: sips -s format jpeg; Linux: heif-convert)."
        )
    return f"No image matches {source}."


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each image's outputs that no other image has.

    The stem, where stems differ; else the folders below the common one too (``cam2/0001``); and the
    suffix where two files differ in nothing else (``x.jpg``).
    """
    stems = [path.stem for path in paths]
    if len(set(map(str.casefold, stems))) == len(stems):
        return stems
    absolute = [Path(os.path.abspath(path)) for path in paths]
    common = os.path.commonpath([path.parent for path in absolute])
    below = [path.relative_to(common) for path in absolute]
    without_suffix = [path.with_suffix("").as_posix() for path in below]
    seen = [name.casefold() for name in without_suffix]
    return [
        name if seen.count(name.casefold()) == 1 else path.as_posix()
        for name, path in zip(without_suffix, below, strict=True)
    ]
