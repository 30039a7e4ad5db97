"""Keys of the API: made once, kept as hashes with the names of who has them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping

from edgeseg.errors import InvalidParameterError

PREFIX = "edgeseg_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}")


def new_key() -> str:
    """Return a key of 256 random bits, which no one can guess."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(key: str) -> str:
    """Return the SHA-256 of a key in hexadecimal; a random key needs no slower hash."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def entry_of(name: str, key: str) -> str:
    """Return ``NAME:HASH``, as settings and files hold a key.

    Raises InvalidParameterError for a name with other signs than letters, digits, ``.``, ``_`` and
    ``-``, or of more than 64 of them.
    """
    if not _NAME.fullmatch(name):
        raise InvalidParameterError(
            f"{name[:80]!r}: expected 1 to 64 letters, digits, dots, hyphens and underscores."
        )
    return f"{name}:{hash_of(key)}"


def parse_entries(entries: Iterable[str]) -> dict[str, str]:
    """Return hashes by the names of their keys; blank lines and comments (#) have none.

    Raises InvalidParameterError, which shows no hash, for an entry that is none or a name that is
    there twice.
    """
    hashes: dict[str, str] = {}
    for number, line in enumerate(entries, 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        name, _, digest = entry.partition(":")
        if not _NAME.fullmatch(name) or not _HASH.fullmatch(digest.lower()):
            raise InvalidParameterError(
                f"API key {number}: expected NAME:HASH, as `edgeseg keys new NAME` prints it."
            )
        if name in hashes:
            raise InvalidParameterError(f"API key {number}: the name {name!r} is there twice.")
        hashes[name] = digest.lower()
    return hashes


def name_of(key: str, hashes: Mapping[str, str]) -> str | None:
    """Return the name of a key, or None; the time it takes tells nothing about the keys."""
    digest, found = hash_of(key), None
    for name, known in hashes.items():
        if hmac.compare_digest(digest, known):
            found = name
    return found
