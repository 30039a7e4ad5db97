"""Files by name in folders and tars, read one at a time."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from edgeseg.errors import InvalidParameterError

# Where a file is: its own path or that of a tar, the offset in the tar (-1: none) and the size.
_Place = tuple[Path, int, int]


class FileStore:
    """The files below some folders and in some uncompressed tars, which are indexed once.

    A file is found by its path there, or by its last part alone; of equal ones the first counts.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        """Open the places; raises InvalidParameterError for one that is neither."""
        self._folders = [place for place in places if place.is_dir()]
        self._members: dict[str, _Place] = {}
        for place in places:
            if place not in self._folders:
                self._index(place)
        by_end = _by_last_part(self._members)
        self._members = {**by_end, **self._members}

    def names(self, *suffixes: str) -> list[str]:
        """Sorted names of all files with one of these suffixes, without the folders they lie in."""
        ends = {PurePosixPath(name).name for name in (*self._members, *self._below)}
        return sorted(name for name in ends if name.lower().endswith(suffixes))

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file by its relative name or its last part; None if not there."""
        found = self._find(name)
        if found is None:
            return None
        path, offset, size = found
        if offset < 0:
            return path.read_bytes()
        with path.open("rb") as stream:
            stream.seek(offset)
            return stream.read(size)

    @cached_property
    def _below(self) -> dict[str, _Place]:
        """The files of all folders and of those in them, by their last part."""
        paths = (
            Path(parent, name)
            for folder in self._folders
            for parent, _, names in os.walk(folder)
            for name in names
        )
        return _by_last_part({str(path): (path, -1, 0) for path in paths})

    def _index(self, place: Path) -> None:
        try:
            with tarfile.open(place, "r:") as archive:
                for member in archive:
                    if member.isfile():
                        where = (place, member.offset_data, member.size)
                        self._members.setdefault(_relative(member.name), where)
        except (OSError, tarfile.TarError) as error:
            raise InvalidParameterError(
                f"{place}: neither a folder nor an uncompressed tar file."
            ) from error

    def _find(self, name: str) -> _Place | None:
        last = PurePosixPath(name).name
        for candidate in dict.fromkeys((_relative(name), last)):
            if candidate in self._members:
                return self._members[candidate]
            for place in self._folders:
                if candidate and (place / candidate).is_file():
                    return place / candidate, -1, 0
        return self._below.get(last)


def _by_last_part(places: dict[str, _Place]) -> dict[str, _Place]:
    found: dict[str, _Place] = {}
    for name, place in places.items():
        found.setdefault(PurePosixPath(name).name, place)
    return found


def _relative(name: str) -> str:
    """Return a name without what would lead out of its folder."""
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..", ".")]
    return "/".join(parts)
