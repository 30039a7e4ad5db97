"""Headers and form fields with a meaning of their own."""

from __future__ import annotations

import json
import re
from typing import Any, Literal
from urllib.parse import quote

from fastapi import Request

from edgeseg.errors import InvalidParameterError

MAX_KEY_CHARS = 255


def prefers_async(request: Request) -> bool:
    """Whether the client sent ``Prefer: respond-async`` (RFC 7240)."""
    wishes = ",".join(request.headers.getlist("prefer"))
    return any(wish.split(";")[0].strip().lower() == "respond-async" for wish in wishes.split(","))


def key_of(request: Request) -> str | None:
    """Return the ``Idempotency-Key`` header, if any; raise InvalidParameterError if unusable."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not key.strip() or len(key) > MAX_KEY_CHARS:
        raise InvalidParameterError(
            f"Idempotency-Key: expected 1 to {MAX_KEY_CHARS} characters, got {len(key.strip())}."
        )
    return key.strip()


def disposition(kind: Literal["attachment", "inline"], file_name: str) -> str:
    """Return the ``Content-Disposition`` of a file: its name in ASCII, and as it is (RFC 6266)."""
    name = re.sub(r'[^ -~]|["\\%?]', "_", file_name)
    encoded = quote(file_name, safe="", errors="replace")
    return f"{kind}; filename=\"{name}\"; filename*=UTF-8''{encoded}"


def json_field(name: str, text: str | None) -> Any:
    """Read a form field that holds a JSON object; empty is an empty object."""
    return _json_of(name, text, dict, "a JSON object") or {}


def json_list_field(name: str, text: str | None) -> Any:
    """Read a form field that holds a JSON array; empty is None."""
    return _json_of(name, text, list, "a JSON array")


def _json_of(name: str, text: str | None, kind: type, expected: str) -> Any:
    if text is None or not text.strip():
        return None
    try:
        value = json.loads(text)
    # Besides its own error: numbers of too many digits, and brackets in brackets without end.
    except (ValueError, RecursionError) as error:
        raise InvalidParameterError(f"{name}: expected {expected}: {error}.") from None
    if not isinstance(value, kind):
        raise InvalidParameterError(f"{name}: expected {expected}, got {text[:80]!r}.")
    return value
