"""Errors: codes, problem documents, and the way through a queue."""

from __future__ import annotations

import json
import pickle

import pytest

from edgeseg import errors
from edgeseg.errors import EdgeSegError, ImageTooLargeError, error_class

CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, EdgeSegError)
]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_survives_json_and_pickle(cls: type[EdgeSegError]) -> None:
    error = cls("It went wrong.", limit=3)
    for again in (
        EdgeSegError.from_dict(json.loads(json.dumps(error.to_dict()))),
        EdgeSegError.from_dict(json.loads(json.dumps(error.to_problem("/tasks/1")))),
        pickle.loads(pickle.dumps(error)),
    ):
        assert type(again) is cls
        assert (again.detail, again.extra) == ("It went wrong.", {"limit": 3})


def test_codes_and_the_table_in_the_docstring_agree() -> None:
    table = errors.__doc__ or ""
    for cls in CLASSES:
        row = next(line for line in table.splitlines() if cls.__name__ in line.split())
        assert row.split()[-2:] == [cls.code, str(cls.status)]
    assert len({cls.code for cls in CLASSES}) == len(CLASSES)


def test_problem_document() -> None:
    problem = ImageTooLargeError("Too many pixels.", max_pixels=10).to_problem("/segment")
    assert problem == {
        "type": "urn:edgeseg:error:image_too_large",
        "title": "Image too large",
        "status": 413,
        "detail": "Too many pixels.",
        "instance": "/segment",
        "code": "image_too_large",
        "max_pixels": 10,
    }


def test_extra_facts_cannot_replace_the_code() -> None:
    assert ImageTooLargeError("x", status=200).to_problem()["status"] == 413


def test_an_unknown_code_becomes_the_base_class() -> None:
    assert error_class("from_the_future") is EdgeSegError
    assert type(EdgeSegError.from_dict({"code": "from_the_future"})) is EdgeSegError


def test_a_code_cannot_be_used_twice() -> None:
    with pytest.raises(TypeError, match="no_image"):
        type("Other", (EdgeSegError,), {"code": "no_image"})


def test_without_a_detail_the_title_speaks() -> None:
    assert str(ImageTooLargeError()) == "Image too large"
