"""The HTTP client: what it sends, and what it makes of answers; the stack itself is not here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest

from edgeseg.client import EdgeSegClient
from edgeseg.codecs import decode_image, file_bytes, mask_to_rle
from edgeseg.errors import (
    EdgeSegError,
    InvalidImageError,
    InvalidParameterError,
    NoImageError,
    NoWorkerError,
    UnavailableError,
    UnknownTaskError,
)

RESULT = {
    "task_id": "a" * 32,
    "prompt": "cat",
    "simplified_prompt": "cat .",
    "phrases": ["cat"],
    "image": {"width": 4, "height": 2},
    "objects": [],
}


def client_of(handler: Callable[[httpx.Request], httpx.Response]) -> EdgeSegClient:
    return EdgeSegClient("http://api", transport=httpx.MockTransport(handler))


def answering(*answers: httpx.Response) -> EdgeSegClient:
    waiting = list(answers)
    return client_of(lambda request: waiting.pop(0))


def test_it_sends_the_file_and_the_fields_that_are_set() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=RESULT)

    client_of(handler).segment_image(
        b"bytes of a file",
        "cat",
        class_thresholds={"cat": 0.5},
        engines={"detect": "nano"},
        idempotency_key="once",
    )
    (request,) = seen
    body = request.content.decode()
    assert (request.method, request.url.path) == ("POST", "/segment")
    assert request.headers["idempotency-key"] == "once"
    for part in ("bytes of a file", '{"cat":0.5}', '{"detect":"nano"}', "False"):
        assert part in body
    assert "negative_prompt" not in body


@pytest.mark.parametrize(
    "error", [NoWorkerError("none", missing=["sam2_queue"]), UnknownTaskError("no")]
)
def test_errors_come_back_as_their_class(error: EdgeSegError) -> None:
    answer = httpx.Response(error.status, json=error.to_problem("/segment"))
    with pytest.raises(type(error)) as caught, answering(answer) as client:
        client.task("a" * 32)
    assert caught.value.detail == error.detail
    assert caught.value.extra == error.extra


def test_answers_of_something_else_are_errors_too() -> None:
    with pytest.raises(EdgeSegError, match="502"), answering(httpx.Response(502)) as client:
        client.health()


def test_no_answer_is_an_error_of_ours() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with client_of(handler) as client:
        with pytest.raises(UnavailableError):
            client.engines()
        with pytest.raises(UnavailableError):
            list(client.events("a" * 32))


def test_events_are_read_with_their_ids() -> None:
    rows: list[dict[str, Any]] = [
        {"type": "queued", "stage": "detect", "at": 1.0, "data": {}},
        {"type": "done", "stage": None, "at": 2.0, "data": {"objects": 0}},
    ]
    text = "".join(
        f": ping\n\nevent: {row['type']}\ndata: {json.dumps(row)}\nid: {number}-0\n\n"
        for number, row in enumerate(rows, 1)
    )
    events = list(answering(httpx.Response(200, text=text)).events("a" * 32))
    assert [(each.id, each.type, each.stage) for each in events] == [
        ("1-0", "queued", "detect"),
        ("2-0", "done", None),
    ]


def test_a_refinement_is_checked_before_it_is_sent() -> None:
    client = answering(httpx.Response(200, json=RESULT))
    found = client.segment_image(b"file", "cat")
    with pytest.raises(InvalidParameterError):
        client.refine(found, points=[])


def segmented(object_id: int) -> dict[str, Any]:
    mask = mask_to_rle(np.ones((2, 4), bool)).model_dump()
    box = [0, 0, 4, 2]
    return {"id": object_id, "label": "a", "score": 1, "box": box, "mask": mask, "area": 8}


@pytest.mark.parametrize(
    ("correction", "number", "expected"),
    [
        ({"box": [0, 0, 4, 2]}, 7, [0, 7]),
        ({"object_id": 0, "box": [0, 0, 4, 2]}, 0, [0]),
        # Another client has added it since.
        ({"object_id": 3, "box": [0, 0, 4, 2]}, 3, [0, 3]),
    ],
)
def test_a_refined_object_keeps_the_id_that_the_server_gave_it(
    correction: dict[str, Any], number: int, expected: list[int]
) -> None:
    answer = {"task_id": "a" * 32, "object": segmented(number)}
    result = {**RESULT, "objects": [segmented(0)]}
    client = answering(httpx.Response(200, json=result), httpx.Response(200, json=answer))
    pixels = np.zeros((2, 4, 3), np.uint8)
    refined = client.refine(client.segment_image(image=pixels, prompt="cat"), **correction)
    assert [each.id for each in refined.objects] == expected


def test_images_of_every_kind_become_files(tmp_path: Path) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    path = tmp_path / "a.png"
    PIL.Image.fromarray(pixels).save(path)
    for source in (path, str(path), path.read_bytes(), pixels, PIL.Image.open(path)):
        assert (decode_image(file_bytes(source)).rgb == pixels).all()
    with pytest.raises(NoImageError):
        file_bytes(tmp_path / "none.png")
    with pytest.raises(NoImageError):
        file_bytes(None)
    with pytest.raises(InvalidImageError):
        file_bytes(3)
