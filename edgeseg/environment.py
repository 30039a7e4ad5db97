"""Parsing of environment variables and ``.env`` files: encodings, lists, URLs, old names."""

from __future__ import annotations

import codecs
import json
import logging
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from edgeseg.errors import InvalidParameterError

log = logging.getLogger(__name__)
REDIS_SCHEMES = ("redis", "rediss", "unix")
_ON, _OFF = ("1", "true", "t", "yes", "y", "on"), ("0", "false", "f", "no", "n", "off")


def split_names(value: object) -> object:
    """Return the names of a comma-separated list or of a JSON array."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [name for name in (part.strip() for part in value.split(",")) if name]


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_names)]
"""Names in one variable, separated by commas."""


@cache
def warn_once(message: str) -> None:
    """Log a DeprecationWarning once; those of the warnings module are hidden by default."""
    log.warning("DeprecationWarning: %s", message)


def read_runtime(value: object) -> object:
    """Return the runtime that EDGESEG_OPENVINO, a switch, stands for; other values as they are."""
    switch = str(value).strip().lower()
    if switch not in (*_ON, *_OFF):
        return value
    warn_once("EDGESEG_OPENVINO is deprecated: set EDGESEG_ENCODER_RUNTIME=openvino (or torch).")
    return "openvino" if switch in _ON else "torch"


EncoderRuntime = Annotated[Literal["torch", "openvino"], BeforeValidator(read_runtime)]
"""Runtime of image encoders."""


def is_redis_url(text: str) -> bool:
    """Whether a text can be the URL of a Redis."""
    try:
        url = urlsplit(text)
        # A password with an unquoted / # or ? ends the host too early and leaves an @ behind it.
        rest = f"{url.path}{url.query}{url.fragment}"
        has_place = bool(url.path) if url.scheme == "unix" else bool(url.hostname)
        return url.scheme in REDIS_SCHEMES and has_place and url.port != 0 and "@" not in rest
    except ValueError:
        return False


def dotenv_encoding(path: Path) -> str:
    """Return the encoding of a ``.env`` file.

    Editors on Windows write UTF-16 or a byte order mark, and the file may be another project's.
    Raises InvalidParameterError for one that cannot be read.
    """
    try:
        data = path.read_bytes() if path.is_file() else b""
    except OSError as error:
        raise InvalidParameterError(f".env cannot be read: {error.strerror}.") from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Every byte is a character; names and values of ours are ASCII nearly always.
        return "latin-1"
    return "utf-8-sig"
