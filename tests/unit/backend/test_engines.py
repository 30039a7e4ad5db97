"""Requests choose among the engines that the settings allow."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from backend import create_app
from edgeseg.settings import Settings
from tests.unit.backend.test_problems import GOOD, check_problem, served


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    settings = Settings(redis_host="127.0.0.1", redis_port=1, allowed_engines=("florence-2-base",))
    with served(create_app(settings), settings) as client:
        yield client


REFUSED = [
    ("/segment", '{"detect": "fake"}'),
    ("/segment", '{"segment": "sam2.1-small"}'),
    ("/segment", '{"ground": "fake"}'),
    ("/detect", '{"detect": "grounding-dino-tiny"}'),
    ("/simplify", '{"simplify": "fake"}'),
]


@pytest.mark.parametrize(("path", "engines"), REFUSED)
def test_other_engines_are_refused_before_anything_is_queued(
    api: httpx.Client, path: str, engines: str
) -> None:
    data, files = {"text_prompt": "cat", "engines": engines}, {"image": ("a.png", GOOD)}
    answer = api.post(path, data=data, files=files)
    check_problem(answer, 422, "engine_not_allowed")
    assert answer.json()["allowed"] == ["nano", "florence-2-base"]


def test_a_correction_chooses_among_them_too(api: httpx.Client) -> None:
    body = {"box": [0, 0, 9, 9], "engines": {"segment": "fake"}}
    answer = api.post(f"/tasks/{'0' * 32}/refine", json=body)
    check_problem(answer, 422, "engine_not_allowed")


@pytest.mark.parametrize("engines", ['{"detect": "nano"}', '{"ground": "florence-2-base"}'])
def test_allowed_engines_are_taken(api: httpx.Client, engines: str) -> None:
    data, files = {"text_prompt": "cat", "engines": engines}, {"image": ("a.png", GOOD)}
    answer = api.post("/segment", data=data, files=files)
    assert answer.json()["code"] in ("queue_unavailable", "unknown_engine")


def test_the_list_of_engines_says_which_are_allowed(api: httpx.Client) -> None:
    allowed = {each["name"] for each in api.get("/engines").json() if each["allowed"]}
    assert allowed == {"nano", "florence-2-base"}
