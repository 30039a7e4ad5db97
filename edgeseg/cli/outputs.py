"""Files that commands write: checked before the work, recognised later, never half-written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import PIL.Image
import typer

from edgeseg.errors import InvalidParameterError

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace inputs and files that EdgeSeg did not write.")
]
SOFTWARE_TAG, SOFTWARE = 0x0131, "EdgeSeg"
# What every JSON result of ours holds within its first characters.
_JSON_MARK, _JSON_HEAD = b'"simplified_prompt"', 65536


def save_picture(picture: PIL.Image.Image, target: Path) -> None:
    """Write an overlay, mask or sheet with the mark by which :func:`is_ours` knows it."""
    exif = PIL.Image.Exif()
    exif[SOFTWARE_TAG] = SOFTWARE
    suffix = target.suffix
    with _replacing(target) as part:
        picture.save(part, format=PIL.Image.registered_extensions()[suffix.lower()], exif=exif)


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with _replacing(target) as part:
        part.write_bytes(data)


def is_ours(path: Path) -> bool:
    """Say whether EdgeSeg wrote this file: a picture with its mark, or JSON of results."""
    try:
        if path.suffix.lower() in (".json", ".jsonl"):
            with path.open("rb") as stream:
                return _JSON_MARK in stream.read(_JSON_HEAD)
        with PIL.Image.open(path) as picture:
            return bool(picture.getexif().get(SOFTWARE_TAG) == SOFTWARE)
    except Exception:
        # Whatever cannot be read is somebody else's.
        return False


def check_target(target: Path, inputs: Iterable[Path] = (), overwrite: bool = False) -> None:
    """Check before the work that a file can be written, and make its folder.

    Raises InvalidParameterError where it would replace an input or a file that is not ours, and
    OSError where its folder cannot be made or written to.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        raise InvalidParameterError(f"{target} is a folder; name a file in it.")
    if target.exists() and not overwrite:
        for each in inputs:
            if each.exists() and target.samefile(each):
                raise InvalidParameterError(
                    f"{target} is an input and would be replaced: choose another place, or give "
                    "--overwrite."
                )
        if not is_ours(target):
            raise InvalidParameterError(
                f"{target} exists and is no result of EdgeSeg's: choose another name, or give "
                "--overwrite."
            )
    with tempfile.TemporaryFile(dir=target.parent):
        pass


def check_new(target: Path, overwrite: bool) -> None:
    """The same for a file in another tool's format, which cannot be told from anybody's."""
    if target.exists() and not overwrite:
        raise InvalidParameterError(
            f"{target} exists: choose another name, or give --overwrite to replace it."
        )
    check_target(target, overwrite=True)


def check_json(target: Path | None, overwrite: bool) -> None:
    """Check the place of a ``--json`` option before the work; None is no file."""
    if target is not None:
        check_new(target, overwrite)


def write_json(target: Path, figures: object) -> None:
    """Write figures as indented JSON."""
    write_bytes(target, f"{json.dumps(figures, indent=2)}\n".encode())


class _replacing:  # noqa: N801 (reads as a verb)
    """A file beside the target that takes its place when the block ends without an error."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target.with_name(f".{target.name[:200]}.part")

    def __enter__(self) -> Path:
        return self._part

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            os.replace(self._part, self._target)
        else:
            with suppress(OSError):
                self._part.unlink()
