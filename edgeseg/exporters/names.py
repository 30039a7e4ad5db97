"""Names of images in a data set: relative paths as on disk, no two alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from edgeseg.errors import InvalidParameterError
from edgeseg.schemas import UNWRITABLE

MAX_PATH_CHARS = 1024
# What file systems hold in one name, in bytes.
_MAX_PART_BYTES = 255
_DRIVE = re.compile(r"([A-Za-z]):")
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])", re.IGNORECASE)


def relative_names(names: Sequence[str]) -> list[str]:
    """Return file names as paths within one folder, with forward slashes, otherwise as they are.

    Absolute paths, and those that begin with "..", become relative to the folder that they share.
    Raises InvalidParameterError for a name that no file within a folder can have.
    """
    split = [_split(name) for name in names]
    outside = [parts for parts, is_outside in split if is_outside]
    shared = _shared(outside) if outside else 0
    relative = [parts[shared:] if is_outside else parts for parts, is_outside in split]
    for name, parts in zip(names, relative, strict=True):
        if ".." in parts:
            raise _error(name, "shares no folder with the others; use absolute paths")
    return ["/".join(parts) for parts in relative]


def stem_of(name: str) -> str:
    """Return a relative path without its last suffix: cam2/0001 of cam2/0001.jpg."""
    return str(PurePosixPath(name).with_suffix(""))


def check_distinct(names: Sequence[str]) -> None:
    """Raise InvalidParameterError where two results have the same file name."""
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if first.setdefault(name, number) != number:
            raise InvalidParameterError(
                f"Results {first[name]} and {number} are both named {name!r}: give each image a "
                "name of its own, with its folder where files of several folders share a name, "
                "or export them separately."
            )


def check_files(names: Sequence[str], title: str) -> None:
    """Raise InvalidParameterError where files per image, named by its stem, cannot be written.

    Upper and lower case count as the same, as some file systems have it.
    """
    first: dict[str, str] = {}
    for name in names:
        if first.setdefault(_key(name), name) != name:
            raise InvalidParameterError(
                f"{first[_key(name)]!r} and {name!r} would share one file in {title}: rename one "
                "of the images, or choose a format of a single file (coco, cvat)."
            )
        for part in name.split("/"):
            if _RESERVED.fullmatch(part.partition(".")[0].rstrip(" ")):
                raise _error(name, "is reserved on Windows; rename the image")


def apart(names: Sequence[str], *, by_stem: bool) -> list[str]:
    """Return names with later ones of the same name (or stem) in numbered folders of their own."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        path, number = name, 1
        while (_key(path) if by_stem else path) in taken:
            number += 1
            path = f"{number}/{name}"
        taken.add(_key(path) if by_stem else path)
        distinct.append(path)
    return distinct


def check_prefix(prefix: str) -> None:
    """Raise InvalidParameterError for what cannot stand before the path of an image."""
    if len(prefix) > MAX_PATH_CHARS or UNWRITABLE.search(prefix):
        raise InvalidParameterError(
            f"image_prefix: expected at most {MAX_PATH_CHARS} characters, none of them control "
            "characters."
        )


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", stem_of(name)).casefold()


def _split(name: str) -> tuple[list[str], bool]:
    """Return the parts of a path, and whether it leads out of the current folder."""
    if len(name) > MAX_PATH_CHARS:
        raise _error(name, f"is longer than {MAX_PATH_CHARS} characters; shorten it")
    if UNWRITABLE.search(name):
        raise _error(name, "has control characters or is not valid Unicode; rename the image")
    path = name.replace("\\", "/")
    drive = _DRIVE.match(path)
    is_absolute = path.startswith("/") or drive is not None
    if drive is not None:
        if path[2:3] != "/":
            raise _error(name, "begins with a drive letter but no folder; rename the image")
        path = drive[1] + path[2:]
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and (is_absolute or (parts and parts[-1] != "..")):
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    if path.rpartition("/")[2] in ("", ".", ".."):
        raise _error(name, "is not the name of a file")
    if any(len(part.encode()) > _MAX_PART_BYTES for part in parts):
        raise _error(name, f"has a part longer than {_MAX_PART_BYTES} bytes; shorten it")
    return parts, is_absolute or parts[0] == ".."


def _shared(paths: Iterable[Sequence[str]]) -> int:
    """Return how many folders at the beginning all paths have in common."""
    columns = zip(*(path[:-1] for path in paths), strict=False)
    shared = 0
    for column in columns:
        if len(set(column)) > 1:
            break
        shared += 1
    return shared


def _error(name: str, problem: str) -> InvalidParameterError:
    shown = ascii(name)
    shown = shown if len(shown) <= 80 else shown[:76] + "...'"
    return InvalidParameterError(f"The file name {shown} {problem}.")
