"""Headers and form fields with a meaning of their own."""

from __future__ import annotations

import pytest
from fastapi import Request

from backend.headers import json_field, key_of, prefers_async
from edgeseg.errors import InvalidParameterError


def request(*headers: tuple[str, str]) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "headers": raw})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], False),
        (["respond-async"], True),
        (["Respond-Async"], True),
        (["wait=10, respond-async"], True),
        (["wait=10", "respond-async; foo=bar"], True),
        (["respond-asynchronously"], False),
        (["return=minimal"], False),
    ],
)
def test_prefer_is_read_as_rfc_7240_says(values: list[str], expected: bool) -> None:
    assert prefers_async(request(*[("prefer", value) for value in values])) is expected


def test_a_key_is_any_short_text() -> None:
    assert key_of(request()) is None
    assert key_of(request(("idempotency-key", " order 17 "))) == "order 17"
    for bad in (" ", "k" * 256):
        with pytest.raises(InvalidParameterError):
            key_of(request(("idempotency-key", bad)))


def test_a_json_field_is_an_object() -> None:
    assert json_field("engines", None) == {}
    assert json_field("engines", " ") == {}
    assert json_field("engines", '{"detect": "nano"}') == {"detect": "nano"}
    for bad in ("{", "[]", "3", "null"):
        with pytest.raises(InvalidParameterError, match="engines"):
            json_field("engines", bad)
