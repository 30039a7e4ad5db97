"""Images that a command line names: files, folders, globs and standard input."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeseg.cli.outputs import is_ours
from edgeseg.codecs import SUFFIXES
from edgeseg.errors import InvalidParameterError, NoImageError

STDIN = "-"
HEIC = (".heic", ".heif")
# Entries of a tree that are looked at for a hint.
_MAX_SEARCHED = 10_000
_CONVERT = "convert them to JPEG first (macOS: sips -s format jpeg; Linux: heif-convert)"


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
        return read_stdin() if self.path is None else self.path


def read_stdin() -> bytes:
    """Return all bytes of standard input; none where it is closed."""
    if sys.stdin is None:
        return b""
    if sys.stdin.isatty():
        print("Reading from standard input ...", file=sys.stderr)
    return sys.stdin.buffer.read()


def is_several(sources: Sequence[str]) -> bool:
    """Say whether outputs are lists and folders: a folder or glob is several, whatever it holds."""
    return len(sources) != 1 or Path(sources[0]).is_dir() or _is_glob(sources[0])


def find_images(sources: Sequence[str]) -> list[Input]:
    """Resolve files, folders (their images, sorted) and globs, each image once.

    Hidden files, and overlays and masks that EdgeSeg wrote, are left out, except for an overlay
    that is the only source. Raises NoImageError where no image is left, and InvalidParameterError
    for an empty name.
    """
    places: dict[Path | None, Path | None] = {}
    for source in sources:
        for path in _resolve(source):
            places.setdefault(_place(path), path)
    paths = list(places.values())
    if len(sources) > 1:
        paths = _without_ours(paths)
    names = _names([Path("stdin") if path is None else path for path in paths])
    return [Input(path, name) for path, name in zip(paths, names, strict=True)]


def _place(path: Path | None) -> Path | None:
    """Return the same for two ways to one file; a link to a file is another image."""
    return None if path is None else Path(os.path.realpath(path.parent), path.name)


def _resolve(source: str) -> list[Path | None]:
    if not source:
        # As from a shell's variable that is not set; Path("") would be the current folder.
        raise InvalidParameterError("The name of an image is empty: name a file, folder or glob.")
    if source == STDIN:
        return [None]
    path = Path(source)
    if path.is_dir():
        candidates: Iterable[Path] = path.iterdir()
    elif _is_glob(source):
        # Brackets are more often part of a name than a class of characters: "photos [2024]/*.jpg".
        candidates = list(_glob(source.replace("[", "[[]"))) or _glob(source)
    elif "://" in source:
        raise NoImageError(f"{source} is an address: download the image and name its file.")
    else:
        return [path]
    files = sorted(each for each in candidates if each.is_file() and not _is_hidden(each))
    images = [each for each in files if each.suffix.lower() in SUFFIXES]
    sources = [each for each in images if not is_ours(each)]
    if not sources:
        raise NoImageError(_why_none(source, files, images))
    heic = sum(each.suffix.lower() in HEIC for each in files)
    if heic:
        print(f"{heic} HEIC images of {source} are not read: {_CONVERT}.", file=sys.stderr)
    return list(sources)


def _glob(pattern: str) -> Iterable[Path]:
    """Return what matches a pattern; ``**`` enters neither hidden folders nor symbolic links."""
    # pathlib refuses "a**b" before Python 3.13, where it is the same as "a*b".
    parts = [part if part == "**" else re.sub(r"\*\*+", "*", part) for part in Path(pattern).parts]
    if parts[-1:] == ["**"]:
        parts.append("*")
    anchor = Path(pattern).anchor
    inner = parts[1:] if anchor else parts
    visible = [part for part in inner if part.startswith(".")]
    for path in Path(anchor).glob(str(Path(*inner))):
        below = path.relative_to(anchor).parts if anchor else path.parts
        if all(part in visible or not part.startswith(".") for part in below[:-1]):
            yield path


def _without_ours(paths: list[Path | None]) -> list[Path | None]:
    """Leave out overlays and masks that a shell's glob named with the images."""
    others = [path for path in paths if path is None or not is_ours(path)]
    if not others:
        raise NoImageError("The sources are only overlays and masks that EdgeSeg wrote.")
    if len(others) < len(paths):
        left_out = len(paths) - len(others)
        print(f"Left out: {left_out} overlays and masks that EdgeSeg wrote.", file=sys.stderr)
    return others


def _is_glob(source: str) -> bool:
    return any(sign in source for sign in "*?[") and not os.path.lexists(source)


def _is_hidden(path: Path) -> bool:
    """Whether a file is hidden, as the ``._name`` files that macOS leaves on other disks."""
    return path.name.startswith(".")


def _why_none(source: str, files: Sequence[Path], images: Sequence[Path]) -> str:
    if images:
        return f"{source} holds only overlays and masks that EdgeSeg wrote."
    if any(each.suffix.lower() in HEIC for each in files):
        return f"{source} holds HEIC images, which are not read: {_CONVERT}."
    below = os.path.join(source, "**", "*")
    if Path(source).is_dir():
        entries = itertools.islice(_glob(below.replace("[", "[[]")), _MAX_SEARCHED)
        if any(each.suffix.lower() in SUFFIXES and not _is_hidden(each) for each in entries):
            return f"{source} holds images only in folders below it: name them as '{below}'."
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
    counts = Counter(map(str.casefold, without_suffix))
    names = [
        name if counts[name.casefold()] == 1 else path.as_posix()
        for name, path in zip(without_suffix, below, strict=True)
    ]
    # The images x.jpg, x.png and x.jpg.png.
    is_unique = len(set(names)) == len(names)
    return names if is_unique else [path.as_posix() for path in below]
