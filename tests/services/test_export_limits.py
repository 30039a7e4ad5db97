"""Exports of hostile results: refused by their reason, bounded, and ended with their clients."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from backend.exports import MAX_UPLOADS
from edgeseg.client import EdgeSegClient
from edgeseg.codecs import mask_to_rle
from edgeseg.stack.local import EmbeddedStack
from edgeseg.types import BoolArray
from tests.services.conftest import StackMaker

MakeImage = Callable[..., bytes]
SIZE_HW = (400, 400)
CHECKERBOARD: BoolArray = np.indices(SIZE_HW).sum(axis=0) % 2 == 1


def document(mask: BoolArray, objects: int = 1, **changes: Any) -> dict[str, Any]:
    """A result as JSON values, with one mask several times."""
    rle = mask_to_rle(mask).model_dump()
    row = {"label": "c", "score": 0.9, "box": [0, 0, 1, 1], "mask": rle, "area": 1}
    return {
        "task_id": "a", "prompt": "c", "simplified_prompt": "c", "phrases": ["c"],
        "image": {"width": mask.shape[1], "height": mask.shape[0]},
        "objects": [{"id": number, **row} for number in range(objects)], **changes,
    }  # fmt: skip


SQUARE = document(np.ones((100, 100), bool))


def with_mask(size: list[int], counts: str) -> dict[str, Any]:
    mask = {"size": size, "counts": counts}
    image = {"width": size[1], "height": size[0]}
    return {**SQUARE, "image": image, "objects": [{**SQUARE["objects"][0], "mask": mask}]}


def post(
    url: str,
    result: dict[str, Any] | bytes,
    format_name: str = "coco",
    file_name: str | None = None,
    part: str = "result.json",
    timeout_s: float = 60,
) -> httpx.Response:
    data = result if isinstance(result, bytes) else json.dumps(result).encode()
    fields = {"format": format_name} | ({} if file_name is None else {"file_name": file_name})
    return httpx.post(
        f"{url}/export", data=fields, files={"result": (part, data)}, timeout=timeout_s
    )


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (with_mask([2**40, 2], "01"), "invalid_parameter"),
        (with_mask([100, 100], "PPPPPPo0" * 40), "invalid_parameter"),
        (with_mask([100, 100], "é"), "invalid_parameter"),
        (with_mask([-100, -100], "`h9"), "invalid_parameter"),
        (with_mask([0, 0], ""), "invalid_parameter"),
        ({**SQUARE, "task_id": "a\r\nSet-Cookie: b"}, "invalid_parameter"),
        ({**SQUARE, "task_id": "..\\..\\evil"}, "invalid_parameter"),
        ({**SQUARE, "objects": [{**SQUARE["objects"][0], "score": float("nan")}]},
         "invalid_parameter"),
        ({**SQUARE, "phrases": ["\ud800"]}, "invalid_parameter"),
        ({**SQUARE, "phrases": ["a\0b"]}, "invalid_parameter"),
        (b"[" * 100_000, "invalid_parameter"),
        (b'{"objects": [' + b"{}," * 3_000_000 + b"{}]}", "invalid_parameter export_too_large"),
        (b'{"warnings": [' + b'"",' * 9_000_000 + b'""]}', "export_too_large"),
        (b'{"task_id": ' + b"1" * 5000 + b"}", "invalid_parameter"),
        (b"\xff\xfe{}", "invalid_parameter"),
        (document(np.zeros((20_000, 5_000), bool)), "image_too_large"),
        (document(CHECKERBOARD, 20), "export_too_large"),
        (document(np.ones((1, 1), bool), 10_001), "export_too_large"),
    ],
)  # fmt: skip
def test_a_hostile_result_is_refused(
    stack: EmbeddedStack, result: dict[str, Any] | bytes, code: str
) -> None:
    answer = post(stack.api_url, result)
    assert answer.status_code // 100 == 4
    assert answer.json()["code"] in code.split()
    assert len(answer.content) < 5000


@pytest.mark.parametrize(
    ("file_name", "status"),
    [
        ("a" * 70_000, 422),
        ("a\r\nSet-Cookie: b.jpg", 422),
        ("a\0.jpg", 422),
        ("nul.jpg", 422),
        ("..\\..\\evil.jpg", 200),
        ("/etc/evil.jpg", 200),
        ("\u202fé 👩\u200d🚀\"%?'\\;.jpg", 200),
    ],
)
def test_names_of_files(stack: EmbeddedStack, file_name: str, status: int) -> None:
    answer = post(stack.api_url, SQUARE, "yolo", file_name)
    assert answer.status_code == status
    if status == 200:
        assert ".." not in answer.headers["content-disposition"]
    else:
        assert answer.json()["code"] == "invalid_parameter"
    long_part = post(stack.api_url, SQUARE, "yolo", "a.jpg", part="b" * 70_000)
    assert long_part.status_code in (200, 400, 422)


def test_heavy_exports_block_nobody_and_end_with_their_clients(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    """Each would take half a minute; the limit of vertices is lifted to let them run."""
    heavy = json.dumps(document(CHECKERBOARD, 20)).encode()
    with (
        make_stack(max_export_vertices=10**9, export_timeout_s=8.0) as stack,
        EdgeSegClient(stack.api_url) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        leaving = [pool.submit(post, stack.api_url, heavy, timeout_s=1.5) for _ in range(4)]
        assert client.segment_image(make_image(1), "cat").objects
        for each in leaving:
            assert isinstance(each.exception(), httpx.ReadTimeout)
        # They would hold the only process for two minutes.
        assert post(stack.api_url, SQUARE).status_code == 200
        late = post(stack.api_url, heavy)
        assert (late.status_code, late.json()["code"]) == (504, "timeout")
        assert post(stack.api_url, SQUARE).status_code == 200


def test_results_are_refused_before_they_are_read_while_many_others_are(
    stack: EmbeddedStack,
) -> None:
    where = urlsplit(stack.api_url)
    head = (
        f"POST /export HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with ExitStack() as opened:
        for _ in range(MAX_UPLOADS):
            connection = socket.create_connection((where.hostname, where.port))
            opened.enter_context(closing(connection))
            connection.sendall(head.encode())
        refused = answer_of(stack.api_url, 503)
        assert (refused.status_code, refused.json()["code"]) == (503, "queue_full")
    assert answer_of(stack.api_url, 200).status_code == 200


def answer_of(url: str, status: int) -> httpx.Response:
    """Export until the answer has this status, for 30 s at most; return the last answer."""
    until = time.monotonic() + 30
    while (answer := post(url, SQUARE)).status_code != status and time.monotonic() < until:
        pass
    return answer
