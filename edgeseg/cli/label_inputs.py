"""Images of ``edgeseg label``: folders with all that is below them, names within the data set."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeseg.cli.inputs import STDIN, Input, find_images
from edgeseg.errors import InvalidParameterError, NoImageError
from edgeseg.exporters.names import apart, relative_names

_CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class LabelInput:
    """An image, its path within the data set, and the SHA-256 of its file."""

    source: Input
    name: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where the image is."""
        assert self.source.path is not None
        return self.source.path


@dataclass(frozen=True)
class LabelInputs:
    """All images once: ``copies`` are files left out, with the file that they repeat."""

    images: list[LabelInput]
    copies: dict[str, str]
    failed: dict[str, str]


def find_label_inputs(sources: Sequence[str], out: Path) -> LabelInputs:
    """Resolve files, folders and globs; what is below a folder keeps its folders.

    Images in the data set itself are passed over. Raises what `find_images` raises, and
    InvalidParameterError for standard input.
    """
    if STDIN in sources:
        raise InvalidParameterError("A data set is made of files, and not of standard input.")
    named: dict[Path, str] = {}
    own = Path(os.path.realpath(out))
    for source in sources:
        for each, name in _named(source):
            path = each.path
            if path is not None and not Path(os.path.realpath(path.parent), "x").is_relative_to(
                own
            ):
                named.setdefault(path, name)
    if not named:
        raise NoImageError(f"No image was found outside {out}.")
    names = apart(relative_names(list(named.values())), by_stem=True)
    return _distinct([(path, name) for path, name in zip(named, names, strict=True)])


def _named(source: str) -> list[tuple[Input, str]]:
    """Return images with their names: relative to the folder that was named, else as they are."""
    folder = Path(source)
    if not folder.is_dir():
        return [(each, str(each.path)) for each in find_images([source])]
    below = find_images([os.path.join(source, "**", "*")])
    return [(each, each.path.relative_to(folder).as_posix()) for each in below if each.path]


def _distinct(rows: Sequence[tuple[Path, str]]) -> LabelInputs:
    first: dict[str, str] = {}
    images: list[LabelInput] = []
    copies: dict[str, str] = {}
    failed: dict[str, str] = {}
    for path, name in rows:
        try:
            sha256 = _hash(path)
        except OSError as error:
            failed[str(path)] = f"Cannot be read: {error.strerror or error}."
            continue
        if first.setdefault(sha256, str(path)) != str(path):
            copies[str(path)] = first[sha256]
        else:
            images.append(LabelInput(Input(path, name), name, sha256))
    return LabelInputs(images, copies, failed)


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
