"""Files by name in folders and tars, read one at a time."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from edgeseg.errors import InvalidParameterError


class FileStore:
    """The files below some folders and in some uncompressed tars, which are indexed once."""

    def __init__(self, places: Sequence[Path]) -> None:
        """Open the places; raises InvalidParameterError for one that is neither."""
        self._folders = [place for place in places if place.is_dir()]
        # Where the bytes of each file lie: the tar, the offset in it and the size.
        self._members: dict[str, tuple[Path, int, int]] = {}
        for place in places:
            if place not in self._folders:
                self._index(place)

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
        by_end = {PurePosixPath(name).name: found for name, found in self._members.items()}
        self._members = {**by_end, **self._members}

    def names(self, suffix: str) -> list[str]:
        """Sorted names of all files with this suffix, without the folders they lie in."""
        inside = [name for name in self._members if name.endswith(suffix)]
        below = [path.name for place in self._folders for path in place.rglob(f"*{suffix}")]
        return sorted({PurePosixPath(name).name for name in (*inside, *below)})

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file by its relative name or its last part; None if not there."""
        for candidate in dict.fromkeys((_relative(name), PurePosixPath(name).name)):
            if candidate in self._members:
                archive, offset, size = self._members[candidate]
                with archive.open("rb") as stream:
                    stream.seek(offset)
                    return stream.read(size)
            for place in self._folders:
                path = place / candidate
                if path.is_file():
                    return path.read_bytes()
        return None


def _relative(name: str) -> str:
    """Return a name without what would lead out of its folder."""
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..", ".")]
    return "/".join(parts)
