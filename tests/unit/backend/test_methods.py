"""405 names every method of its path; HEAD and OPTIONS are answered everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backend import create_app
from edgeseg.settings import Settings
from tests.unit.backend.test_problems import check_problem, served

APP = create_app(Settings(redis_host="127.0.0.1", redis_port=1))
PATHS: dict[str, Any] = APP.openapi()["paths"]
ALL = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    with served(APP) as client:
        yield client


def declared(path: str) -> set[str]:
    methods = {method.upper() for method in PATHS[path]}
    return {*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())


@pytest.mark.parametrize("path", PATHS)
def test_allow_names_every_method_of_a_path(api: httpx.Client, path: str) -> None:
    url = path.replace("{task_id}", "0" * 32)
    for method in (each for each in ALL if each not in declared(path)):
        answer = api.request(method, url)
        check_problem(answer, 405, "method_not_allowed")
        assert set(answer.headers["allow"].split(", ")) == declared(path)
    options = api.options(url)
    assert options.status_code == 204
    assert set(options.headers["allow"].split(", ")) == declared(path)


def test_pages_without_a_schema_name_theirs_too(api: httpx.Client) -> None:
    for path in ("/docs", "/openapi.json"):
        allow = api.post(path).headers["allow"]
        assert set(allow.split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_options_of_an_unknown_path_is_404(api: httpx.Client) -> None:
    check_problem(api.options("/nowhere"), 404, "not_found")


@pytest.mark.parametrize("path", [*(p for p in PATHS if "get" in PATHS[p]), "/docs", "/nowhere"])
def test_head_has_the_status_and_headers_of_get(api: httpx.Client, path: str) -> None:
    url = path.replace("{task_id}", "0" * 32)
    head, got = api.head(url), api.get(url)
    assert head.status_code == got.status_code
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.content == b""


def test_head_where_there_is_no_get_is_405(api: httpx.Client) -> None:
    answer = api.head("/segment")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"POST", "OPTIONS"}
