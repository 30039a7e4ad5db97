"""The API's description: each field explained, with an example."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from backend import create_app
from edgeseg.settings import Settings

# A file has no example in text.
NO_EXAMPLE_NEEDED = {"image", "result"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def form_fields(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                body = media["schema"]
                if "properties" not in body:
                    reference = body.get("$ref") or body["allOf"][0]["$ref"]
                    body = schema["components"]["schemas"][reference.rsplit("/", 1)[1]]
                for name, field in body["properties"].items():
                    yield path, name, field


def test_each_field_of_a_request_is_explained_with_an_example(schema: dict[str, Any]) -> None:
    fields = list(form_fields(schema))
    assert {path for path, _, _ in fields} >= {"/segment", "/detect", "/simplify"}
    for path, name, field in fields:
        assert field.get("description"), f"{path}: {name} is not described"
        assert has_example(name, field), f"{path}: {name}: no example"


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    found = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(schema)))
    assert found >= {"Filter", "EngineChoice"}
    assert found <= set(schema["components"]["schemas"])


def test_each_field_of_an_answer_is_explained_with_an_example(schema: dict[str, Any]) -> None:
    for name, model in schema["components"]["schemas"].items():
        for field, about in model.get("properties", {}).items():
            assert about.get("description"), f"{name}.{field} is not described"
            assert has_example(field, about), f"{name}.{field}: no example"


def test_each_parameter_is_explained_with_an_example(schema: dict[str, Any]) -> None:
    for path, methods in schema["paths"].items():
        for parameter in (each for ms in methods.values() for each in ms.get("parameters", [])):
            name = f"{path}: {parameter['name']}"
            assert parameter.get("description"), f"{name} is not described"
            assert has_example(parameter["name"], parameter["schema"]), f"{name}: no example"


def test_errors_are_described_as_the_problems_that_they_are(schema: dict[str, Any]) -> None:
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (path, status)


def has_example(name: str, field: dict[str, Any]) -> bool:
    """A field has examples, but for files and for types whose own fields have them."""
    refers = "$ref" in str(field) or "application/octet-stream" in str(field)
    return name in NO_EXAMPLE_NEEDED or refers or "const" in field or bool(field.get("examples"))


def test_each_route_says_how_it_fails(schema: dict[str, Any]) -> None:
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["description"], path
    for path in ("/segment", "/detect", "/simplify"):
        problems = schema["paths"][path]["post"]["responses"]["422"]["content"]
        codes = problems["application/problem+json"]["examples"]
        assert {"no_image", "invalid_image", "empty_prompt", "unknown_engine"} <= set(codes)


def test_the_table_of_resources_is_complete(schema: dict[str, Any]) -> None:
    served = {(method.upper(), path) for path, ms in schema["paths"].items() for method in ms}
    assert served >= {
        ("POST", "/segment"),
        ("POST", "/simplify"),
        ("POST", "/detect"),
        ("GET", "/tasks/{task_id}"),
        ("DELETE", "/tasks/{task_id}"),
        ("GET", "/tasks/{task_id}/events"),
        ("POST", "/tasks/{task_id}/refine"),
        ("GET", "/health"),
        ("GET", "/livez"),
        ("GET", "/queue-status"),
        ("GET", "/engines"),
        ("GET", "/metrics"),
        ("GET", "/"),
    }
