"""Files of a data set by their names: in folders, or in tars that are read where they lie."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

from edgeseg.errors import NotFoundError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class Files:
    """Files of folders and tars, each by its path there; of equal ones the first counts."""

    def __init__(self, places: Sequence[Path]) -> None:
        self._found: dict[str, tuple[Path, int, int]] = {}
        for place in places:
            if place.is_dir():
                self._add_folder(place)
            elif place.is_file() and tarfile.is_tarfile(place):
                self._add_tar(place)
            else:
                raise NotFoundError(f"{place}: expected a folder or a tar with images.")
        # Annotations name their images without the folders that these may lie in.
        self._by_base: dict[str, str] = {}
        for name in self._found:
            self._by_base.setdefault(name.rpartition("/")[2], name)

    def names(self) -> list[str]:
        """Return the paths of all files, sorted."""
        return sorted(self._found)

    def find(self, name: str) -> str | None:
        """Return the path of a file whose path or bare name this is."""
        return name if name in self._found else self._by_base.get(name.rpartition("/")[2])

    def read(self, name: str) -> bytes:
        """Return the bytes of a file by its path."""
        place, start, size = self._found[name]
        if start < 0:
            return place.read_bytes()
        with place.open("rb") as tar:
            tar.seek(start)
            return tar.read(size)

    def _add_folder(self, folder: Path) -> None:
        for parent, _, names in os.walk(folder):
            for name in names:
                path = Path(parent, name)
                self._found.setdefault(path.relative_to(folder).as_posix(), (path, -1, 0))

    def _add_tar(self, path: Path) -> None:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isfile():
                    name = member.name.removeprefix("./")
                    self._found.setdefault(name, (path, member.offset_data, member.size))
