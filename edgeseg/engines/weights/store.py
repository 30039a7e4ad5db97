"""Where the weights of engines come from, and the one folder that they are kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from edgeseg.errors import EngineUnavailableError, InvalidParameterError
from edgeseg.settings import Settings

HUB_URL = "https://huggingface.co"
MANIFEST = "edgeseg.json"
# Configuration, tokenizers and tensors; never pickles, code or other frameworks' weights.
MODEL_FILES = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
_TENSORS = (".safetensors", ".pt", ".pth")
UNPINNED = ""
"""The revision of a repository of which no commit has been tried: a person has to choose one."""


@dataclass(frozen=True)
class HubRepo:
    """Files of a repository on the hub, as they were at ``revision`` (a commit).

    ``files`` are patterns of names in its top folder. A revision that is a branch is resolved by
    the first download, whose commit is kept; one that is UNPINNED is never downloaded. ``gated``
    repositories need a licence to be accepted and a token; ``instead`` says which engines do
    without.
    """

    repo: str
    revision: str = "main"
    files: tuple[str, ...] = MODEL_FILES
    gated: bool = False
    instead: str = ""

    @property
    def folder(self) -> str:
        """Name of its folder in the store; other files of the same repository have another."""
        part = "" if self.files == MODEL_FILES else f"+{Path(self.files[0]).stem}"
        commit = f"@{self.revision[:12]}" if self.revision else ""
        return f"{self.repo.replace('/', '--')}{commit}{part}"

    @property
    def address(self) -> str:
        """Where people find it."""
        return f"{HUB_URL}/{self.repo}"

    def wants(self, name: str) -> bool:
        """Say whether a file of the repository is needed."""
        return "/" not in name and any(fnmatch(name, pattern) for pattern in self.files)


@dataclass(frozen=True)
class WebFile:
    """One file at a URL, known by the SHA-256 of its content."""

    url: str
    sha256: str

    @property
    def name(self) -> str:
        """Its file name."""
        return urlsplit(self.url).path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """Name of its folder in the store."""
        return f"{Path(self.name).stem}@{self.sha256[:12]}"

    @property
    def address(self) -> str:
        """Where people find it; without credentials, so that it may be shown."""
        return without_secrets(self.url)


Source = HubRepo | WebFile


def without_secrets(url: str) -> str:
    """Return a URL without user, password, query and fragment, which may hold credentials."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def source_of(text: str) -> Source | Path:
    """Read a person's choice of weights: a path, OWNER/REPO[@REVISION] or URL#sha256=SUM.

    Raises InvalidParameterError for anything else, also for a URL without its sum.
    """
    path = Path(text).expanduser()
    if path.exists():
        return path
    if text.startswith(("http://", "https://")):
        url, mark, digest = text.partition("#sha256=")
        if not mark or len(digest) != 64:
            raise InvalidParameterError(
                f"{without_secrets(text)}: a URL of weights ends in #sha256= and its SHA-256."
            )
        return WebFile(url, digest.lower())
    repo, _, revision = text.partition("@")
    if repo.count("/") != 1 or repo.startswith((".", "/", "~")) or repo.endswith("/"):
        raise InvalidParameterError(
            f"{text}: no such file or folder, and not a repository like owner/name."
        )
    return HubRepo(repo, revision or "main")


@dataclass(frozen=True)
class WeightStore:
    """Finds weights in ``root``, a folder each, and downloads those that are missing.

    ``overrides`` gives weights of one's own by engine name, as :func:`source_of` reads them. A
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
        return source_of(text) if text else source

    def find(self, source: Source | Path) -> Path | None:
        """Return where the weights are, or None: a folder, or the file of a WebFile."""
        if isinstance(source, Path):
            return source if source.exists() else None
        folder = self.root / source.folder
        if isinstance(source, WebFile):
            path = folder / source.name
            return path if path.is_file() else None
        return folder if _is_whole(folder, source.files) else None

    def need(self, source: Source | Path) -> Path:
        """Return where the weights are, after downloading them if they are missing.

        Raises EngineUnavailableError that says what to fetch, from where, and where to put it.
        """
        found = self.find(source)
        if found is not None:
            return found
        if isinstance(source, Path):
            raise EngineUnavailableError(f"{source}: no such file or folder.")
        if isinstance(source, HubRepo) and source.revision == UNPINNED:
            raise EngineUnavailableError(f"The weights are not here. {self.advice(source)}")
        if self.offline:
            raise EngineUnavailableError(
                f"The weights are not here, and downloads are switched off. {self.advice(source)}"
            )
        from edgeseg.engines.weights.download import download

        return download(self, source)

    def advice(self, source: Source, engine: str = "ENGINE") -> str:
        """Say what to fetch by hand for an engine, from where, and where to put it."""
        folder = self.root / source.folder
        if isinstance(source, WebFile):
            return f"Fetch {source.address} (SHA-256 {source.sha256}) and put it into {folder}."
        if source.revision == UNPINNED:
            return (
                f"No commit of them is pinned: choose one of {source.address}/commits/main and "
                f'set EDGESEG_WEIGHTS to {{"{engine}": "{source.repo}@COMMIT"}}.'
            )
        return (
            f"Fetch {', '.join(source.files)} of {source.address}/tree/{source.revision} "
            f"and put them into {folder}."
        )


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
