"""Images as files, as base64 in JSON, and by URL: the same answers, whichever way they come."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from edgeseg.schemas import EntitiesResult
from edgeseg.stack.local import EmbeddedStack

MakeImage = Callable[..., bytes]
StackMaker = Callable[..., AbstractContextManager[EmbeddedStack]]
APART = {"task_id", "timings_ms"}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path, make_image: MakeImage) -> Iterator[str]:
    """The URL of a folder with an image."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "photo one.png").write_bytes(make_image(31))
    (folder / "words.png").write_bytes(b"just words")
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def facts(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if name not in APART}


@pytest.mark.parametrize("path", ["/segment", "/detect", "/masks", "/classes"])
def test_json_is_answered_as_a_form(stack: EmbeddedStack, make_image: MakeImage, path: str) -> None:
    image = make_image(30)
    fields: dict[str, Any] = {"engines": {"segment": "fake"}}
    if path in ("/segment", "/detect"):
        fields = {
            "text_prompt": "cat . dog .",
            "class_thresholds": {"dog": 1.0},
            "simplify": "auto",
        }
    encoded = base64.encodebytes(image).decode()
    with httpx.Client(base_url=stack.api_url, timeout=60) as http:
        form = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in fields.items()
        }
        expected = facts(http.post(path, data=form, files={"image": ("a.png", image)}))
        for text in (encoded, f"data:image/png;base64,{encoded}"):
            assert facts(http.post(path, json={**fields, "image": text})) == expected
            assert facts(http.post(path, data={**form, "image": text})) == expected
    assert expected["objects"]


def test_a_data_uri_names_its_file(stack: EmbeddedStack, make_image: MakeImage) -> None:
    encoded = base64.urlsafe_b64encode(make_image(32)).decode()
    image = f"data:image/png;name=cam%201%2Fa.png;base64,{encoded}"
    with httpx.Client(base_url=stack.api_url, timeout=60) as http:
        task = http.post("/segment", json={"text_prompt": "cat", "image": image}).json()["task_id"]
        exported = http.get(f"/tasks/{task}/export?format=coco").json()
    assert [each["file_name"] for each in exported["images"]] == ["cam 1/a.png"]


def test_entities_take_images_in_json(stack: EmbeddedStack, make_image: MakeImage) -> None:
    images = [make_image(seed) for seed in (33, 34, 35)]
    text = "A cat next to a cup"
    files = [
        ("contextual", ("a", images[0])),
        ("contextual", ("b", images[1])),
        ("generated", ("c", images[2])),
    ]
    encoded = [base64.b64encode(each).decode() for each in images]
    body = {"text_prompt": text, "contextual": encoded[:2], "generated": encoded[2]}
    with httpx.Client(base_url=stack.api_url, timeout=60) as http:
        sent = http.post("/entities", data={"text_prompt": text}, files=files)
        expected, answer = (
            EntitiesResult.model_validate(each.json())
            for each in (sent, http.post("/entities", json=body))
        )
        # One that cannot be had has its problem, and the others are done.
        body["contextual"] = ["http://127.0.0.1/b.png", encoded[1]]
        broken = EntitiesResult.model_validate(http.post("/entities", json=body).json())
    assert [each.objects for each in answer.images] == [each.objects for each in expected.images]
    assert answer.pairings == expected.pairings
    assert [(each.error or {}).get("code") for each in broken.images] == [
        "url_not_allowed",
        None,
        None,
    ]


def test_images_are_fetched_from_listed_hosts(
    make_stack: StackMaker, make_image: MakeImage, site: str
) -> None:
    listed = site.removeprefix("http://")
    with (
        make_stack(fetch_urls="hosts", fetch_hosts=(listed,)) as stack,
        httpx.Client(base_url=stack.api_url, timeout=60) as http,
    ):
        url = f"{site}/photo%20one.png"
        files = {"image": ("photo one.png", make_image(31))}
        expected = facts(http.post("/segment", data={"text_prompt": "cat"}, files=files))
        fields = {"text_prompt": "cat", "image": url}
        for answer in (http.post("/segment", json=fields), http.post("/segment", data=fields)):
            assert facts(answer) == expected
            task = answer.json()["task_id"]
            exported = http.get(f"/tasks/{task}/export?format=coco").json()
            assert exported["images"][0]["file_name"] == "photo one.png"
        for path, status, code in (
            (f"{site}/words.png", 422, "invalid_image"),
            (f"{site}/away.png", 422, "fetch_failed"),
            (site.replace("127.0.0.1", "localhost"), 422, "url_not_allowed"),
        ):
            answer = http.post("/segment", json={"text_prompt": "cat", "image": path})
            assert (answer.status_code, answer.json()["code"]) == (status, code)
