"""Parsing of environment variables and ``.env`` files: encodings, lists, URLs, old names."""

from __future__ import annotations

import codecs
import json
import logging
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationError
from pydantic_settings import NoDecode, SettingsError

from edgeseg.errors import InvalidParameterError

log = logging.getLogger(__name__)
_FIELD_IN_ERROR = re.compile(r'field "(\w+)"')
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


def port_of(value: object) -> object:
    """Return the port of tcp://10.0.0.1:6379: Kubernetes' REDIS_PORT where a service is redis."""
    is_address = isinstance(value, str) and value.startswith("tcp://")
    return str(value).rpartition(":")[2] if is_address else value


ServicePort = Annotated[int, BeforeValidator(port_of)]
"""A port, or the address of a service of Kubernetes."""


def redis_url_of(host: str, port: int, password: SecretStr | None) -> str:
    """Return the URL of the first database of a Redis, password included: not for logs."""
    login = f":{quote(password.get_secret_value(), safe='')}@" if password else ""
    return f"redis://{login}{f'[{host}]' if ':' in host else host}:{port}/0"


def named_problems(error: ValidationError | SettingsError, prefix: str) -> str:
    """Return what is wrong with which variables, whose names begin with ``prefix``."""
    if isinstance(error, SettingsError):
        name = getattr(_FIELD_IN_ERROR.search(str(error)), "group", lambda _: "settings")(1)
        return f"{prefix}{name.upper()}: expected JSON."
    rows = [(str(row["loc"][0]).upper(), row["msg"]) for row in error.errors()]
    return "; ".join(f"{prefix}{name.removeprefix(prefix)}: {message}" for name, message in rows)


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


def redis_url(value: SecretStr) -> SecretStr:
    """Refuse what cannot be a URL of Redis, without showing any part of it."""
    if not is_redis_url(value.get_secret_value()):
        raise ValueError(
            "expected redis://[:PASSWORD@]HOST[:PORT][/NUMBER]; in a password, / # ? @ [ ] and "
            "% are written %2F %23 %3F %40 %5B %5D %25, or set EDGESEG_REDIS_PASSWORD"
        )
    return value


RedisUrl = Annotated[SecretStr, AfterValidator(redis_url)]
"""The URL of a Redis, password included."""


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
