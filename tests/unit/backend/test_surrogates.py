"""Halves of surrogate pairs, which UTF-8 cannot hold, are refused wherever text comes in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backend import create_app
from edgeseg.settings import Settings
from tests.unit.backend.test_problems import GOOD, check_problem, served

HALF = r"\ud800"


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    with served(create_app(Settings(redis_host="127.0.0.1", redis_port=1))) as client:
        yield client


FIELDS = {
    "engines": [
        f'{{"detect": "{HALF}"}}',
        f'{{"{HALF}": "nano"}}',
        f'"{HALF}"',
        f"{{{HALF}",
    ],
    "class_thresholds": [f'{{"{HALF}": 0.5}}', f'{{"{HALF}": "x"}}', f'{{"a": "{HALF}"}}'],
    "filters": [
        f'[{{"kind": "{HALF}"}}]',
        f'[{{"kind": "leftmost", "phrase": "{HALF}"}}]',
        f'[{{"kind": "leftmost", "{HALF}": 1}}]',
        f'[{{"kind": "exclude", "filters": [{{"kind": "leftmost", "phrase": "{HALF}"}}]}}]',
    ],
}


@pytest.mark.parametrize(
    ("field", "text"), [(field, text) for field, texts in FIELDS.items() for text in texts]
)
def test_json_in_a_form(api: httpx.Client, field: str, text: str) -> None:
    data = {"text_prompt": "cat", field: text}
    answer = api.post("/segment", data=data, files={"image": ("a.png", GOOD)})
    check_problem(answer, 422, "invalid_parameter")


@pytest.mark.parametrize("text", [f'["{HALF}"]', f"[{HALF}]", '[["a"]]'])
def test_lists_in_a_form(api: httpx.Client, text: str) -> None:
    data = {"text_prompt": "cat", "excluded_terms": text}
    answer = api.post("/entities", data=data, files={"generated": ("a.png", GOOD)})
    check_problem(answer, 422, "invalid_parameter")


@pytest.mark.parametrize(
    "body",
    [
        {"box": [0, 0, 9, 9], "engines": {"segment": HALF}},
        {"box": [0, 0, 9, 9], "label": HALF},
        {"box": [0, 0, 9, 9], "engines": {HALF: "nano"}},
        {"box": [0, 0, 9, HALF]},
        {HALF: 1},
    ],
)
def test_json_as_a_body(api: httpx.Client, body: dict[str, Any]) -> None:
    text = json.dumps(body).replace("\\\\", "\\")
    for encoding in ("utf-8", "utf-16", "utf-32"):
        answer = api.post(
            f"/tasks/{'0' * 32}/refine",
            content=text.encode(encoding),
            headers={"content-type": "application/json"},
        )
        check_problem(answer, 422, "invalid_parameter")


@pytest.mark.parametrize("path", ["/segment", "/detect", "/simplify", "/entities", "/export"])
@pytest.mark.parametrize(
    "charset", ["unicode_escape", "utf-7", "utf-16", '"punycode"', "'idna'", "utf-8; charset=utf-7"]
)
def test_forms_in_other_encodings(api: httpx.Client, path: str, charset: str) -> None:
    part = '--x\r\nContent-Disposition: form-data; name="text_prompt"\r\n\r\n\\ud800\r\n--x--\r\n'
    headers = {"content-type": f"multipart/form-data; boundary=x; charset={charset}"}
    answer = api.post(path, content=part.encode(), headers=headers)
    check_problem(answer, 400, "invalid_request")


@pytest.mark.parametrize("name", [b"a\xed\xa0\x80.png", b"\xff\xfe", b"a\\ud800"])
def test_bytes_that_are_no_utf8_are_text_all_the_same(api: httpx.Client, name: bytes) -> None:
    """Names of files and fields, prompts and keys are read as Latin-1; Redis is away."""
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="%s"\r\n\r\n' % name
    text = b'\r\n--x\r\nContent-Disposition: form-data; name="text_prompt"\r\n\r\ncat %s' % name
    headers = {
        b"content-type": b"multipart/form-data; boundary=x",
        b"idempotency-key": name,
    }
    answer = api.post("/segment", content=head + GOOD + text + b"\r\n--x--\r\n", headers=headers)
    check_problem(answer, 503, "queue_unavailable")
    unknown = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n1\r\n--x--\r\n' % name
    answer = api.post(
        "/segment", content=unknown, headers={"content-type": headers[b"content-type"].decode()}
    )
    check_problem(answer, 422, "invalid_parameter")


@pytest.mark.parametrize("query", ["after=%ED%A0%80", "after=%FF", "%ED%A0%80=1"])
def test_queries_and_paths(api: httpx.Client, query: str) -> None:
    answer = api.get(f"/tasks/{'0' * 32}/events?{query}")
    assert answer.json()["code"] in ("invalid_parameter", "queue_unavailable")
    check_problem(api.get("/tasks/%ED%A0%80"), 404, "unknown_task")
    check_problem(api.get("/export?format=%ED%A0%80&task=1"), 422, "unknown_format")
