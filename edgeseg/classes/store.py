"""The packs that can be asked for: those of a watched folder, and those in the package."""

from __future__ import annotations

import threading
from pathlib import Path

from edgeseg.classes.pack import SUFFIX, ClassPack
from edgeseg.errors import InvalidPackError, UnknownPackError

SHIPPED = Path(__file__).parent / "packs"
_Stamp = tuple[int, int]


class PackStore:
    """Packs by name; a file that comes, changes or goes is seen by the next call.

    A pack of the folder goes before one of the same name in the package. Safe from several threads.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folders = [*([folder] if folder is not None else []), SHIPPED]
        self._loaded: dict[Path, tuple[_Stamp, ClassPack]] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Return the names of all packs, sorted."""
        return sorted(self._paths())

    def get(self, name: str) -> ClassPack:
        """Return a pack as it is now.

        Raises UnknownPackError, which lists the packs that there are, and InvalidPackError for a
        file that is none.
        """
        path = self._paths().get(name)
        if path is None:
            known = ", ".join(self.names()) or "none"
            raise UnknownPackError(
                f"There is no pack of classes {name!r}; there are: {known}.",
                pack=name,
                packs=self.names(),
            )
        return self._load(path)

    def packs(self) -> list[ClassPack]:
        """Return all packs that can be read, by name."""
        found = []
        for path in dict(sorted(self._paths().items())).values():
            try:
                found.append(self._load(path))
            except InvalidPackError:
                continue
        return found

    def _paths(self) -> dict[str, Path]:
        paths: dict[str, Path] = {}
        for folder in reversed(self._folders):
            if folder.is_dir():
                paths |= {path.stem: path for path in folder.glob(f"*{SUFFIX}") if path.is_file()}
        return paths

    def _load(self, path: Path) -> ClassPack:
        try:
            status = path.stat()
        except OSError as error:
            raise InvalidPackError(f"{path.name} cannot be read: {error.strerror}.") from error
        stamp = (status.st_mtime_ns, status.st_size)
        with self._lock:
            held = self._loaded.get(path)
            if held is not None and held[0] == stamp:
                return held[1]
        pack = ClassPack.load(path)
        with self._lock:
            self._loaded[path] = (stamp, pack)
        return pack
