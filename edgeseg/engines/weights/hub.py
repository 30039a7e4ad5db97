"""Files of repositories on the hub, by huggingface_hub, each checked against the commit's listing.

huggingface_hub does the transfer: retries, mirrors, gated repositories, the stored token. It does
not check what arrives, so that is done here, also for files that its shared cache holds already.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from edgeseg.engines.weights.sources import HubRepo, without_secrets
from edgeseg.engines.weights.transfer import Access, Checked, Progress
from edgeseg.errors import EngineUnavailableError

# huggingface_hub names the files of its cache after their checksums.
_CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def is_cached(source: HubRepo) -> bool:
    """Say whether the shared cache holds a snapshot of the repository at its revision."""
    return importlib.util.find_spec("huggingface_hub") is not None and bool(_cached(source)[1])


def fetch_repo(source: HubRepo, folder: Path, access: Access) -> tuple[str, list[str]]:
    """Bring the files of a repository into ``folder`` and return its commit and their names.

    Files in the shared cache (``HF_HOME``) are linked from there; the others are downloaded.
    Raises EngineUnavailableError for a hub that cannot be reached or refuses, and for content
    whose checksum is wrong.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise EngineUnavailableError(
            f'huggingface_hub is not installed: pip install "edgeseg[full]". {access.advice}'
        )
    commit, files = _cached(source) if access.offline else _listed(source, access)
    for file in files:
        cached = _in_shared_cache(source, commit, file)
        if cached is not None and file.matches(cached):
            _link(folder / file.name, cached.resolve())
        elif cached is not None and access.offline:
            raise EngineUnavailableError(f"{cached}: checksum mismatch: delete it. {access.advice}")
        else:
            _download(source, commit, file, folder, access, force=cached is not None)
    # What huggingface_hub noted about its downloads into this folder.
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return commit, [file.name for file in files]


def _listed(source: HubRepo, access: Access) -> tuple[str, list[Checked]]:
    """Return the commit and its files, with the checksums that the hub states."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=access.hub_url, token=access.token, library_name="edgeseg")
    try:
        facts = api.model_info(
            source.repo, revision=source.revision, files_metadata=True, timeout=30
        )
    except Exception as error:
        raise _failed(source, access, error) from error
    files = [
        Checked(row.rfilename, (row.lfs.sha256 if row.lfs else row.blob_id) or "")
        for row in facts.siblings or ()
        if source.wants(row.rfilename)
    ]
    return facts.sha or source.revision, files


def _cached(source: HubRepo) -> tuple[str, list[Checked]]:
    """Return the commit and its files as the shared cache has them; no files if it has none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        snapshot = Path(
            snapshot_download(
                source.repo,
                revision=source.revision,
                allow_patterns=list(source.files),
                ignore_patterns=["*/*"],
                local_files_only=True,
            )
        )
    except LocalEntryNotFoundError:
        return source.revision, []
    paths = [path for path in sorted(snapshot.iterdir()) if source.wants(path.name)]
    files = [Checked(path.name, path.resolve().name) for path in paths]
    # Where the cache holds copies in place of links, there is nothing to check them against.
    are_named = all(_CHECKSUM.fullmatch(file.checksum) for file in files)
    return snapshot.name, files if are_named else []


def _in_shared_cache(source: HubRepo, commit: str, file: Checked) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(source.repo, file.name, revision=commit)
    return Path(cached) if isinstance(cached, str) else None


def _link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(target)
    except OSError:
        # Windows allows links to developers only.
        shutil.copyfile(target, path)


def _download(
    source: HubRepo, commit: str, file: Checked, folder: Path, access: Access, *, force: bool
) -> None:
    """Download a file; ``force`` where the shared cache holds it damaged, to be left alone."""
    from huggingface_hub import hf_hub_download

    try:
        path = hf_hub_download(
            source.repo,
            file.name,
            revision=commit,
            local_dir=folder,
            endpoint=access.hub_url,
            token=access.token,
            library_name="edgeseg",
            tqdm_class=Progress,
            force_download=force,
        )
    except Exception as error:
        raise _failed(source, access, error) from error
    file.require(Path(path), f"{without_secrets(access.hub_url)}/{source.repo}/{file.name}")


def _failed(source: HubRepo, access: Access, error: Exception) -> Exception:
    """Return the error for what huggingface_hub raised; a full or forbidden disk stays as it is."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        instead = f" Without it: {source.instead}." if source.instead else ""
        return EngineUnavailableError(
            f"{source.address} is gated: accept its licence there, and run `hf auth login` or set "
            f"HF_TOKEN to a token that may read it.{instead}"
        )
    cause = type(error.__cause__ or error).__name__
    what = f"answered {status}" if status else f"cannot be reached or broke off ({cause})"
    return EngineUnavailableError(f"{urlsplit(access.hub_url).hostname} {what}. {access.advice}")
