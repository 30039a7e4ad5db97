"""The UI's server before the whole stack: the API under its own origin, and files of the stage."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from edgeseg.stack.local import EmbeddedStack
from frontend import samples

ASYNC = {"Prefer": "respond-async"}
# Far more than the server needs, and less than for ever.
HANG_S = 60.0


@pytest.fixture
def ui(stack: EmbeddedStack) -> Iterator[httpx.Client]:
    """A program that talks to the UI's server as its pages do."""
    with httpx.Client(base_url=str(stack.ui_url), timeout=HANG_S) as client:
        yield client


def submit(ui: httpx.Client, photo: Path, **fields: str) -> str:
    """Queue an image through the UI's server; return the task's id."""
    form = {"text_prompt": "cat", "visualization": "false", **fields}
    files = {"image": (photo.name, photo.read_bytes())}
    answer = ui.post("/api/segment", data=form, files=files, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    task_id = str(answer.json()["task_id"])
    assert answer.headers["location"] == f"/api/tasks/{task_id}"
    return task_id


def test_a_task_through_the_uis_server_is_that_of_the_api(
    ui: httpx.Client, stack: EmbeddedStack, chelsea: Path
) -> None:
    task_id = submit(ui, chelsea)
    assert "event: done" in ui.get(f"/api/tasks/{task_id}/events").text
    found = ui.get(f"/api/tasks/{task_id}").json()
    assert found == httpx.get(f"{stack.api_url}/tasks/{task_id}").json()
    assert {each["label"] for each in found["result"]["objects"]} == {"cat"}
    image = ui.get(f"/api/tasks/{task_id}/image")
    assert image.content == chelsea.read_bytes()
    assert image.headers["content-type"] == "image/png"
    assert "chelsea.png" in image.headers["content-disposition"]
    point = {"points": [{"x": 200, "y": 150, "label": 1}], "label": "nose"}
    refined = ui.post(f"/api/tasks/{task_id}/refine", json=point)
    assert refined.json()["object"]["label"] == "nose"
    exported = ui.get(f"/api/tasks/{task_id}/export?format=coco")
    assert {each["name"] for each in exported.json()["categories"]} == {"cat", "nose"}


def test_events_arrive_when_they_happen(ui: httpx.Client, chelsea: Path) -> None:
    # The fake detector takes its time.
    task_id = submit(ui, chelsea, engines='{"detect": "fake"}', simplify="never")
    with ui.stream("GET", f"/api/tasks/{task_id}/events") as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("event: ")) == "event: queued"
        assert ui.get(f"/api/tasks/{task_id}").json()["status"] in ("queued", "running")
        assert ui.delete(f"/api/tasks/{task_id}").json()["status"] == "cancelled"
        assert [line for line in lines if line.startswith("event: ")][-1] == "event: cancelled"


def test_an_api_that_hangs_is_a_timeout_and_the_page_goes_on(
    ui: httpx.Client, stack: EmbeddedStack
) -> None:
    backend = stack.child("backend").pid
    os.kill(backend, signal.SIGSTOP)
    try:
        answer = ui.get("/api/engines")
        assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
        assert ui.get("/").status_code == 200
        assert ui.get("/samples").status_code == 200
    finally:
        os.kill(backend, signal.SIGCONT)
    assert ui.get("/api/engines").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/api/engines", {"Host": "evil.example"}),
        ("GET", "/stage/api.js", {"Host": "evil.example"}),
        ("POST", "/api/segment", {"Origin": "http://evil.example"}),
        ("POST", "/api/segment", {"Sec-Fetch-Site": "cross-site"}),
        ("DELETE", f"/api/tasks/{'a' * 32}", {"Origin": "http://evil.example"}),
    ],
)
def test_other_hosts_and_pages_of_other_sites_are_refused(
    ui: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    assert ui.request(method, path, headers=headers).status_code == 421


def test_files_of_the_stage_come_with_their_type_and_only_when_they_changed(
    ui: httpx.Client,
) -> None:
    answer = ui.get("/stage/api.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    same = ui.get("/stage/api.js", headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    for path in ("tests/api.test.js", "%2e%2e/server.py", "none.js"):
        # Streamlit refuses paths that leave a folder before anybody else sees them.
        assert ui.get(f"/stage/{path}").status_code in (400, 404), path


def test_the_document_names_all_modules_of_the_stage(ui: httpx.Client) -> None:
    answer = ui.get("/")
    assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"
    names = re.findall(r'<link rel="modulepreload" href="\./(stage/[a-z_]+\.js)">', answer.text)
    assert {"stage/main.js", "stage/early.js"} <= set(names)
    assert {ui.get(f"/{name}").status_code for name in names} == {200}
    early, streamlits = answer.text.find("stage/early.js"), answer.text.find("static/js/index.")
    assert 0 < early < streamlits


def test_samples_come_with_prompts(ui: httpx.Client) -> None:
    rows = ui.get("/samples").json()
    assert {row["title"]: row["prompt"] for row in rows} == samples.titles()
    for row in rows:
        answer = ui.get(row["url"])
        assert answer.content == samples.sample(row["title"]).data
        assert answer.headers["content-type"] == "image/png"
    assert ui.get("/samples/none").status_code == 404
