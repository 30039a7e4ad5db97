"""Forms have the fields and the defaults of their schemas, which stand nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from backend import create_app
from edgeseg.schemas import DetectRequest, EntitiesRequest, SegmentRequest, SimplifyRequest
from edgeseg.settings import Settings

SCHEMA: dict[str, Any] = create_app(Settings()).openapi()


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/segment", SegmentRequest),
        ("/detect", DetectRequest),
        ("/simplify", SimplifyRequest),
        ("/entities", EntitiesRequest),
    ],
)
def test_fields_and_defaults_are_those_of_the_schema(
    path: str, model: type[DetectRequest | SimplifyRequest | EntitiesRequest]
) -> None:
    form = SCHEMA["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]
    reference = form["schema"].get("$ref") or form["schema"]["allOf"][0]["$ref"]
    fields = SCHEMA["components"]["schemas"][reference.rpartition("/")[2]]["properties"]
    images = {"contextual", "generated"} if path == "/entities" else {"image"}
    assert set(fields) == {*images, *model.model_fields}
    for name, field in model.model_fields.items():
        if not field.is_required() and isinstance(field.default, str | int | float):
            assert fields[name]["default"] == field.default, name
        assert fields[name]["description"].startswith(field.description or ""), name
