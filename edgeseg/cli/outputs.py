"""Files that commands write: checked before the work, recognised later, never half-written."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import PIL.Image
import typer

from edgeseg.errors import InvalidParameterError
from edgeseg.files import identity, is_special, replacing, write_bytes

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace inputs and files that EdgeSeg did not write.")
]
SOFTWARE_TAG, DESCRIPTION_TAG, SOFTWARE = 0x0131, 0x010E, "EdgeSeg"
# Formats that Pillow writes with EXIF data, which is where the mark is.
_MARKED_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF")
# How every JSON result of ours begins, and what it holds within its first characters.
_JSON_START = re.compile(rb'\s*\[?\s*\{\s*"file":')
_ENTITIES_START = re.compile(rb'\s*\{\s*"(prompt|text_prompt|contextual_images)":')
_ENTITIES_MARK, _PAGE_MARK = b'"contextual_images"', b'<meta name="generator" content="EdgeSeg">'
_JSON_MARK, _JSON_HEAD = b'"simplified_prompt"', 65536


def save_image(
    pil_image: PIL.Image.Image, target: Path, description: str = "", *, quality: int | None = None
) -> None:
    """Write an overlay, mask or sheet with the mark by which `is_ours` knows it.

    ``description`` is what `description_of` returns later; ``quality`` is that of JPEG, 0 to 100.
    """
    exif = PIL.Image.Exif()
    exif[SOFTWARE_TAG] = SOFTWARE
    if description:
        exif[DESCRIPTION_TAG] = description
    with replacing(target) as part:
        more = {} if quality is None else {"quality": quality}
        pil_image.save(part, format=_format_of(target), exif=exif, **more)


def check_suffix(target: Path, what: str) -> None:
    """Raise InvalidParameterError for an image of a kind that cannot be written and recognised."""
    if _format_of(target) not in _MARKED_FORMATS:
        raise InvalidParameterError(
            f"{what}: expected an image's name that ends in .png, .jpg, .webp, .tif or .avif, or a "
            f"folder, got {target}."
        )


def is_ours(path: Path) -> bool:
    """Say whether EdgeSeg wrote this file: an image with its mark, or JSON of results."""
    return _is_our_json(path) or description_of(path) is not None


def description_of(path: Path) -> str | None:
    """Return what an image of ours was saved with; None for any other file."""
    try:
        with warnings.catch_warnings():
            # Of many pixels; only the head is read.
            warnings.simplefilter("ignore")
            with PIL.Image.open(path) as pil_image:
                exif = pil_image.getexif()
    except Exception:
        # Whatever cannot be read is somebody else's.
        return None
    return str(exif.get(DESCRIPTION_TAG, "")) if exif.get(SOFTWARE_TAG) == SOFTWARE else None


def check_targets(
    targets: Iterable[Path], inputs: Iterable[Path] = (), overwrite: bool = False
) -> None:
    """Check before the work that files can be written, and make their folders.

    Raises InvalidParameterError where one would replace an input, a file that is not ours or
    another one of them, and OSError where a folder cannot be made or written to.
    """
    targets = list(targets)
    _check_distinct(targets)
    protected = set() if overwrite else {identity(each) for each in inputs} - {None}
    for target in targets:
        _check_replaceable(target, protected, overwrite)
    files = [each for each in targets if not is_special(each)]
    # A symbolic link is written through.
    ends = [_real(each) if each.is_symlink() else each for each in files]
    for folder in dict.fromkeys(each.parent for each in ends):
        _make_folder(folder)


def check_target(target: Path, inputs: Iterable[Path] = (), overwrite: bool = False) -> None:
    """Do the same as `check_targets` for one file."""
    check_targets([target], inputs, overwrite)


def check_new(target: Path, overwrite: bool) -> None:
    """Do the same for a file in another tool's format, which cannot be told from anybody's."""
    if target.is_file() and not overwrite:
        raise InvalidParameterError(
            f"{target} exists: choose another name, or give --overwrite to replace it."
        )
    check_target(target, overwrite=True)


def check_json(target: Path | None, overwrite: bool) -> None:
    """Check the place of a ``--json`` option before the work; None means no file."""
    if target is not None:
        check_new(target, overwrite)


def write_json(target: Path, figures: object) -> None:
    """Write figures as indented JSON."""
    write_bytes(target, f"{json.dumps(figures, indent=2)}\n".encode())


def _is_our_json(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(_JSON_HEAD)
    except OSError:
        return False
    # Nothing is lost with an empty list or file.
    is_empty = head.strip() in (b"", b"[]")
    is_result = _JSON_START.match(head) is not None and _JSON_MARK in head
    return is_empty or is_result or _is_of_entities(head)


def _is_of_entities(head: bytes) -> bool:
    """Whether a file begins as one that ``edgeseg entities`` wrote: JSON of any form, or a page."""
    is_json = _ENTITIES_START.match(head) is not None and _ENTITIES_MARK in head
    return is_json or (head.startswith(b"<!doctype html>") and _PAGE_MARK in head[:1000])


def _format_of(target: Path) -> str | None:
    return PIL.Image.registered_extensions().get(target.suffix.lower())


def _real(target: Path) -> Path:
    return Path(os.path.realpath(target))


def _check_distinct(targets: Iterable[Path]) -> None:
    targets_seen: set[str] = set()
    for target in targets:
        key = unicodedata.normalize("NFC", str(_real(target)))
        if sys.platform in ("darwin", "win32"):
            key = key.casefold()
        if key in targets_seen and not is_special(target):
            raise InvalidParameterError(
                f"{target} would be written twice: choose another name or folder for one of the "
                "outputs."
            )
        targets_seen.add(key)


def _check_replaceable(
    target: Path, protected: set[tuple[int, int] | None], overwrite: bool
) -> None:
    if target.is_dir():
        raise InvalidParameterError(f"{target} is a folder; name a file in it.")
    if overwrite or not target.is_file():
        return
    if identity(target) in protected:
        raise InvalidParameterError(
            f"{target} is an input and would be replaced: choose another place, or give "
            "--overwrite."
        )
    if not is_ours(target):
        raise InvalidParameterError(
            f"{target} exists and is not a result of EdgeSeg: choose another name, or give "
            "--overwrite."
        )


def _make_folder(folder: Path) -> None:
    """Make a folder and try to write to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError):
        each = next(each for each in (folder, *folder.parents) if each.exists())
        message = f"{each} is a file and no folder: choose another place."
        raise InvalidParameterError(message) from None
    except OSError as error:
        # The name of the trial file would say nothing.
        error.filename = str(folder)
        raise
