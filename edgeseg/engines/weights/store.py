"""The one folder that weights are kept in: found there, or fetched into it, whole and checked."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock

from edgeseg.engines.weights.sources import (
    HUB_URL,
    HubRepo,
    OwnFile,
    Source,
    WebFolder,
    is_folder_url,
    source_of,
    without_secrets,
)
from edgeseg.errors import EngineUnavailableError
from edgeseg.settings import Settings

log = logging.getLogger(__name__)
MANIFEST = "edgeseg.json"
_TENSORS = (".safetensors", ".pt", ".pth")


@dataclass(frozen=True)
class WeightStore:
    """Finds weights in ``root``, a folder each, and downloads those that are missing.

    ``overrides`` gives weights of one's own by engine name, as `source_of` reads them. A
    folder gets its name only when all of it has arrived and been checked, so that half a download
    is never loaded.
    """

    root: Path
    hub_url: str = HUB_URL
    token: str | None = None
    offline: bool = False
    overrides: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, settings: Settings) -> WeightStore:
        """Take folder, hub and overrides from the settings."""
        token = settings.hub_token
        return cls(
            settings.weights_dir.expanduser(),
            settings.hub_url.rstrip("/"),
            token.get_secret_value() if token else None,
            settings.offline,
            settings.weights,
        )

    def chosen(self, engine: str, source: Source) -> Source | Path:
        """Return the weights that the overrides choose for an engine, or the usual ones."""
        text = self.overrides.get(engine)
        if text and isinstance(source, WebFolder) and is_folder_url(text):
            return replace(source, url=text)
        return source_of(text) if text else source

    def find(self, source: Source | Path) -> Path | None:
        """Return where the weights are, or None: a folder, or a single file."""
        if isinstance(source, Path):
            return source if source.exists() else None
        folder = self.root / source.folder
        if isinstance(source, HubRepo):
            return folder if _is_whole(folder, source.files) else None
        if isinstance(source, WebFolder):
            return folder if _is_whole(folder, tuple(dict(source.files))) else None
        path = folder / source.name
        return path if path.is_file() else None

    def need(self, source: Source | Path) -> Path:
        """Return where the weights are, after downloading them if they are missing.

        Raises EngineUnavailableError that says what to fetch, from where, and where to put it.
        """
        path = self.find(source)
        if path is not None:
            return path
        if isinstance(source, Path):
            raise EngineUnavailableError(f"{source}: no such file or folder.")
        if not source.downloadable:
            raise EngineUnavailableError(f"The weights are not installed. {self.advice(source)}")
        if self.offline and not _is_in_shared_cache(source):
            raise EngineUnavailableError(
                "The weights are not installed, and downloads are switched off. "
                f"{self.advice(source)}"
            )
        return self._fetch(source)

    def _fetch(self, source: Source) -> Path:
        """Bring weights into the store; a process that comes while another fetches waits for it."""
        target = self.root / source.folder
        partial = target.with_name(target.name + ".partial")
        partial.mkdir(parents=True, exist_ok=True)
        # One process at a time; the system frees the lock of a process that dies.
        with FileLock(target.with_name(target.name + ".lock")):
            path = self.find(source)
            if path is None:
                hub_url = without_secrets(self.hub_url)
                log.info("fetching %s to %s", source.address.replace(HUB_URL, hub_url), target)
                self._fill(partial, source)
                if target.exists():
                    shutil.rmtree(target)
                partial.rename(target)
            else:
                shutil.rmtree(partial, ignore_errors=True)
        path = self.find(source)
        if path is None:
            raise EngineUnavailableError(
                f"{source.address} holds none of the files that are needed."
            )
        return path

    def _fill(self, folder: Path, source: Source) -> None:
        """Fetch all files into a folder, and write down which they are."""
        # Imported when something is missing: httpx alone takes longer than the rest of a start.
        from edgeseg.engines.weights.hub import fetch_repo
        from edgeseg.engines.weights.transfer import Access
        from edgeseg.engines.weights.web import fetch_file

        access = Access(self.hub_url, self.token or None, self.offline, self.advice(source))
        if isinstance(source, HubRepo):
            commit, names = fetch_repo(source, folder, access)
        else:
            assert not isinstance(source, OwnFile)
            files = source.members if isinstance(source, WebFolder) else (source,)
            commit, names = "", [each.name for each in files]
            for each in files:
                fetch_file(each, folder, access)
        sizes = {name: (folder / name).stat().st_size for name in names}
        manifest = {"source": source.address, "revision": commit, "files": sizes}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")

    def advice(self, source: Source, engine: str = "ENGINE") -> str:
        """Say what to fetch by hand for an engine, from where, and where to put it."""
        folder = self.root / source.folder
        if isinstance(source, OwnFile):
            return (
                f"They are {source.address}: put the file into {folder}, or set EDGESEG_WEIGHTS "
                f'to {{"{engine}": "PATH"}}.'
            )
        if isinstance(source, WebFolder):
            files = " and ".join(f"{name} (SHA-256 {sha256})" for name, sha256 in source.files)
            return f"Fetch {files} of {source.address} and put them into {folder}."
        if not isinstance(source, HubRepo):
            return f"Fetch {source.address} (SHA-256 {source.sha256}) and put it into {folder}."
        if not source.downloadable:
            return (
                f"No commit of them is pinned: choose one of {source.address}/commits/main and "
                f'set EDGESEG_WEIGHTS to {{"{engine}": "{source.repo}@COMMIT"}}.'
            )
        return (
            f"Fetch {', '.join(source.files)} of {source.address}/tree/{source.revision} "
            f"and put them into {folder}."
        )


def _is_in_shared_cache(source: Source) -> bool:
    from edgeseg.engines.weights.hub import is_cached

    return isinstance(source, HubRepo) and is_cached(source)


def _is_whole(folder: Path, patterns: tuple[str, ...]) -> bool:
    """Say whether every file that was downloaded is there, or what is needed if put by hand."""
    try:
        sizes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except FileNotFoundError:
        needed = [each for each in patterns if "*" not in each or each.endswith(_TENSORS)]
        return folder.is_dir() and all(any(folder.glob(pattern)) for pattern in needed)
    except (ValueError, KeyError):
        return False
    paths = {folder / name: size for name, size in sizes.items()}
    return all(path.is_file() and path.stat().st_size == size for path, size in paths.items())
