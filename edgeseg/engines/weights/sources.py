"""Where the weights of engines come from: the hub, single files on the web, one's own training."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from edgeseg.errors import InvalidParameterError

HUB_URL = "https://huggingface.co"
# Configuration, tokenizers and tensors; never pickles, code or other frameworks' weights.
MODEL_FILES = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
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

    @property
    def downloadable(self) -> bool:
        """Whether a commit is named that may be downloaded."""
        return self.revision != UNPINNED

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

    @property
    def downloadable(self) -> bool:
        """Always true."""
        return True


@dataclass(frozen=True)
class WebFolder:
    """Files below one URL, which ends in a slash: ``files`` are their names and SHA-256 sums.

    A person may name another URL of the same files, a mirror: their sums stay.
    """

    url: str
    files: tuple[tuple[str, str], ...]

    @property
    def folder(self) -> str:
        """Name of its folder in the store."""
        return self.members[0].folder

    @property
    def members(self) -> tuple[WebFile, ...]:
        """Its files, each with its URL."""
        return tuple(WebFile(f"{self.url}{name}", sha256) for name, sha256 in self.files)

    @property
    def address(self) -> str:
        """Where people find them; without credentials, so that it may be shown."""
        return without_secrets(self.url)

    @property
    def downloadable(self) -> bool:
        """Always true."""
        return True


@dataclass(frozen=True)
class OwnFile:
    """One file that is trained and published nowhere; ``guide`` is the page that says how."""

    name: str
    guide: str

    @property
    def folder(self) -> str:
        """Name of its folder in the store."""
        return Path(self.name).stem

    @property
    def address(self) -> str:
        """How people come by it."""
        return f"trained as {self.guide} says"

    @property
    def downloadable(self) -> bool:
        """Always false."""
        return False


Source = HubRepo | WebFile | WebFolder | OwnFile


def without_secrets(url: str) -> str:
    """Return a URL without user, password, query and fragment, which may hold credentials."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_folder_url(text: str) -> bool:
    """Say whether a text is the URL of a folder."""
    return text.startswith(("http://", "https://")) and urlsplit(text).path.endswith("/")


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
