"""Every error of the API is a problem document, and none of them needs Redis to be told."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import PIL.Image
import pytest
import uvicorn
from fastapi import FastAPI

from backend import create_app
from backend.protocol import protocol_of
from edgeseg.settings import Settings


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    """An API whose Redis is away, and whose limits are small."""
    settings = Settings(
        redis_host="127.0.0.1", redis_port=1, max_image_bytes=20_000, max_image_pixels=10_000
    )
    with served(create_app(settings)) as client:
        yield client


@contextmanager
def served(app: FastAPI, settings: Settings | None = None) -> Iterator[httpx.Client]:
    """Serve an application over real HTTP, in a thread, within the limits of the settings."""
    protocol = protocol_of(settings or Settings())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, http=protocol, ws="none", log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
                while not server.started:
                    time.sleep(0.01)
                yield client
        finally:
            server.should_exit = True
            thread.join()


def encoded(kind: str, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    out = io.BytesIO()
    PIL.Image.effect_noise(size, 80).convert("RGB").save(out, kind, **options)
    return out.getvalue()


def animated() -> bytes:
    frames = [PIL.Image.effect_noise((20, 20), 80) for _ in range(3)]
    return encoded("GIF", (20, 20), save_all=True, append_images=frames)


GOOD = encoded("PNG")
JSON_TYPE = {"content-type": "application/json"}
CASES: dict[str, tuple[bytes | None, dict[str, Any], int, str]] = {
    "no image": (None, {}, 422, "no_image"),
    "empty file": (b"", {}, 422, "no_image"),
    "not an image": (b"just words", {}, 422, "invalid_image"),
    "broken off in its head": (GOOD[:20], {}, 422, "invalid_image"),
    "too many bytes": (b"\x89PNG" + bytes(300_000), {}, 413, "image_too_large"),
    "too many bytes for an image": (b"\x89PNG" + bytes(21_000), {}, 413, "image_too_large"),
    "too many pixels": (encoded("JPEG", (200, 200)), {}, 413, "image_too_large"),
    "animated": (animated(), {}, 422, "animated_image"),
    "no prompt": (GOOD, {"text_prompt": None}, 422, "empty_prompt"),
    "empty prompt": (GOOD, {"text_prompt": " . "}, 422, "empty_prompt"),
    "blank prompt": (GOOD, {"text_prompt": "\u3000. \u00a0 .\u200b"}, 422, "empty_prompt"),
    "long prompt": (GOOD, {"text_prompt": "cat " * 2000}, 422, "prompt_too_long"),
    "threshold too high": (GOOD, {"box_threshold": 1.5}, 422, "invalid_parameter"),
    "threshold no number": (GOOD, {"text_threshold": "high"}, 422, "invalid_parameter"),
    "threshold not finite": (GOOD, {"box_threshold": "nan"}, 422, "invalid_parameter"),
    "no objects wanted": (GOOD, {"max_objects": 0}, 422, "invalid_parameter"),
    "unknown mode": (GOOD, {"simplify": "perhaps"}, 422, "invalid_parameter"),
    "thresholds no JSON": (GOOD, {"class_thresholds": "{"}, 422, "invalid_parameter"),
    "thresholds too deep": (GOOD, {"class_thresholds": "[" * 9999}, 422, "invalid_parameter"),
    "endless number": (
        GOOD,
        {"class_thresholds": '{"cat": %s}' % ("9" * 5000)},
        422,
        "invalid_parameter",
    ),
    "thresholds a list": (GOOD, {"class_thresholds": "[1]"}, 422, "invalid_parameter"),
    "filters no list": (GOOD, {"filters": "{}"}, 422, "invalid_parameter"),
    "unknown filter": (GOOD, {"filters": '[{"kind": "nicest"}]'}, 422, "invalid_parameter"),
    "class threshold": (GOOD, {"class_thresholds": '{"cat": 2}'}, 422, "invalid_parameter"),
    "unknown engine": (GOOD, {"engines": '{"detect": "best"}'}, 422, "unknown_engine"),
    "unknown role": (GOOD, {"engines": '{"guess": "nano"}'}, 422, "invalid_parameter"),
    "Redis away": (GOOD, {}, 503, "queue_unavailable"),
}


@pytest.mark.parametrize("path", ["/segment", "/detect", "/entities"])
@pytest.mark.parametrize("case", CASES)
def test_bad_requests_are_told_apart(api: httpx.Client, path: str, case: str) -> None:
    image, fields, status, code = CASES[case]
    data = {"text_prompt": "cat", **fields}
    sent = {name: str(value) for name, value in data.items() if value is not None}
    field = "generated" if path == "/entities" else "image"
    files = {field: ("photo", image)} if image is not None else None
    check_problem(api.post(path, data=sent, files=files), status, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/segment", 405, "method_not_allowed"),
        ("GET", "/tasks/unknown", 404, "unknown_task"),
        ("DELETE", "/tasks/..%2F..", 404, "not_found"),
        ("GET", "/tasks/unknown/events", 404, "unknown_task"),
        ("GET", "/health", 503, "queue_unavailable"),
        ("GET", "/queue-status", 503, "queue_unavailable"),
        ("GET", f"/tasks/{'0' * 32}", 503, "queue_unavailable"),
    ],
)
def test_other_errors_are_problems_too(
    api: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    check_problem(api.request(method, path), status, code)


def test_bad_json_is_a_problem(api: httpx.Client) -> None:
    path, json_type = f"/tasks/{'0' * 32}/refine", {"content-type": "application/json"}
    check_problem(api.post(path, content=b"{", headers=json_type), 422, "invalid_parameter")
    check_problem(api.post(path, json={"points": []}), 422, "invalid_parameter")


@pytest.mark.parametrize("after", ["last", "1-", "٣", "9" * 20, "1-99999999999999999999"])
def test_an_event_id_that_redis_would_not_take_is_refused(api: httpx.Client, after: str) -> None:
    answer = api.get(f"/tasks/{'0' * 32}/events", params={"after": after})
    check_problem(answer, 422, "invalid_parameter")


@pytest.mark.parametrize("path", ["/segment", "/detect", "/simplify"])
def test_a_body_that_is_no_form_is_a_problem(api: httpx.Client, path: str) -> None:
    form_type = {"content-type": "multipart/form-data; boundary=x"}
    check_problem(api.post(path, content=b"junk", headers=form_type), 400, "invalid_request")
    answer = api.post(path, content=b"{}", headers={"content-type": "text/plain"})
    check_problem(answer, 400, "invalid_request")
    assert "Expected a form" in answer.json()["detail"]
    for body in (b"{", b"[]", b"", b"[" * 9999, b"9" * 5000):
        answer = api.post(path, content=body, headers={"content-type": "application/json"})
        check_problem(answer, 400, "invalid_request")


@pytest.mark.parametrize("path", ["/segment", "/detect", "/entities"])
@pytest.mark.parametrize("case", CASES)
def test_bad_json_is_told_apart_as_bad_forms_are(api: httpx.Client, path: str, case: str) -> None:
    image, fields, status, code = CASES[case]
    body: dict[str, Any] = {"text_prompt": "cat"}
    for name, value in fields.items():
        is_json = name in ("class_thresholds", "filters", "engines")
        if is_json and not _is_json(value):
            return
        body[name] = json.loads(value) if is_json else value
    body = {name: value for name, value in body.items() if value is not None}
    if image is not None:
        body["generated" if path == "/entities" else "image"] = base64.b64encode(image).decode()
    check_problem(api.post(path, json=body), status, code)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def test_two_fields_of_one_name_are_refused(api: httpx.Client) -> None:
    twice = [("text_prompt", (None, "cat")), ("text_prompt", (None, "dog"))]
    answer = api.post("/segment", files=[*twice, ("image", ("a", GOOD))])
    check_problem(answer, 422, "invalid_parameter")
    assert answer.json()["errors"] == [{"field": "text_prompt", "problem": "given more than once"}]
    check_problem(
        api.post("/segment", files=[("image", ("a", GOOD)), ("image", ("b", GOOD))]),
        422,
        "invalid_parameter",
    )
    images = [("contextual", ("a", GOOD)), ("contextual", ("b", GOOD)), ("generated", ("c", GOOD))]
    check_problem(
        api.post("/entities", data={"text_prompt": "cat"}, files=images), 503, "queue_unavailable"
    )
    for path, body in (
        ("/segment", b'{"text_prompt": "cat", "text_prompt": "dog"}'),
        ("/segment", b'{"text_prompt": "cat", "engines": {"detect": "nano", "detect": "fake"}}'),
        (f"/tasks/{'0' * 32}/refine", b'{"box": [0, 0, 9, 9], "label": "a", "label": "b"}'),
    ):
        check_problem(api.post(path, content=body, headers=JSON_TYPE), 422, "invalid_parameter")


@pytest.mark.parametrize(
    "image",
    ["*", "data:image/png,abc", "data:image/png;base64,*", "A", "ü", 3, ["QQ=="], {"data": "QQ=="}],
)
def test_a_text_that_is_no_image_is_refused(api: httpx.Client, image: Any) -> None:
    answer = api.post("/segment", json={"text_prompt": "cat", "image": image})
    check_problem(answer, 422, "invalid_parameter")
    assert "image" in answer.json()["detail"]
    if isinstance(image, str):
        answer = api.post("/segment", data={"text_prompt": "cat", "image": image})
        check_problem(answer, 422, "invalid_parameter")


def test_json_holds_as_large_an_image_as_a_form(api: httpx.Client) -> None:
    # The limit of this API is 20 kB, which are 27 kB in base64.
    for size, code in ((20_000, "invalid_image"), (20_001, "image_too_large")):
        encoded_image = base64.b64encode(b"\x89PNG" + bytes(size - 4)).decode()
        answer = api.post("/segment", json={"text_prompt": "cat", "image": encoded_image})
        assert answer.json()["code"] == code
    answer = api.post("/segment", content=b" " * 300_000, headers=JSON_TYPE)
    check_problem(answer, 413, "image_too_large")


def test_a_key_that_cannot_be_used_is_refused(api: httpx.Client) -> None:
    answer = api.post(
        "/segment",
        data={"text_prompt": "cat"},
        files={"image": ("photo", GOOD)},
        headers={"Idempotency-Key": "k" * 300},
    )
    check_problem(answer, 422, "invalid_parameter")


def test_a_body_of_unknown_length_is_stopped_when_it_is_too_large(api: httpx.Client) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'

    def body() -> Iterator[bytes]:
        yield head
        for _ in range(100):
            yield bytes(10_000)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    check_problem(api.post("/segment", content=body(), headers=headers), 413, "image_too_large")


def test_json_that_is_too_large_is_not_parsed(api: httpx.Client) -> None:
    body = b'{"points": [' + b"1," * 200_000 + b"1]}"
    headers = {"content-type": "application/json"}
    answer = api.post(f"/tasks/{'0' * 32}/refine", content=body, headers=headers)
    check_problem(answer, 413, "image_too_large")
    assert "a request without images" in answer.json()["detail"]


def test_an_unexpected_error_is_a_problem_without_details() -> None:
    app = create_app(Settings(redis_host="127.0.0.1", redis_port=1))

    @app.get("/breaks")
    def breaks() -> None:
        raise RuntimeError("a secret")

    with served(app) as client:
        answer = client.get("/breaks")
    check_problem(answer, 500, "internal_error")
    assert "secret" not in answer.text


def test_the_process_is_alive_and_says_where_to_go(api: httpx.Client) -> None:
    assert api.get("/livez").json() == {"status": "alive"}
    links = api.get("/").json()["links"]
    paths = api.get("/openapi.json").json()["paths"]
    served = set(paths) | {"/docs", "/openapi.json"}
    assert set(links.values()) <= served
    assert {engine["name"] for engine in api.get("/engines").json()} >= {"nano", "fake"}
    assert "edgeseg_redis_up 0.0" in api.get("/metrics").text


def check_problem(answer: Any, status: int, code: str) -> None:
    """The answer is an RFC 9457 problem with this status and code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["code"] == code
    assert document["status"] == status
    assert document["type"] == f"urn:edgeseg:error:{code}"
    assert document["title"]
    assert document["detail"]
    if status == 503:
        assert int(answer.headers["retry-after"]) > 0
