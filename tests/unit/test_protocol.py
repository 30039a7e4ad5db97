"""The library and the client offer the same methods, and both the options of a request."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest

from edgeseg import EdgeSegAI
from edgeseg.client import EdgeSegClient
from edgeseg.protocol import SegmentsImages
from edgeseg.schemas import DetectRequest, MaskOptions, MasksRequest, SegmentOptions
from frontend.api import Api

METHODS = [name for name in vars(SegmentsImages) if not name.startswith("_")]


def both() -> list[SegmentsImages]:
    """Both kinds, held to the protocol by the type checker."""
    return [EdgeSegAI("fake", "fake", "fake"), EdgeSegClient("http://127.0.0.1:1")]


@pytest.mark.parametrize("name", METHODS)
def test_methods_take_the_same_arguments(name: str) -> None:
    wanted = inspect.signature(getattr(SegmentsImages, name)).parameters
    for each in both():
        offered = inspect.signature(getattr(type(each), name)).parameters
        for argument, parameter in wanted.items():
            assert offered[argument].kind == parameter.kind, argument
            assert offered[argument].default == parameter.default, argument
        each.close()


def test_the_client_offers_what_the_ui_calls() -> None:
    for name in [name for name in vars(Api) if not name.startswith("_")]:
        assert inspect.signature(getattr(EdgeSegClient, name)) == inspect.signature(
            getattr(Api, name)
        ), name


def test_options_are_the_fields_of_a_request() -> None:
    assert set(get_type_hints(SegmentOptions)) == set(DetectRequest.model_fields) - {"text_prompt"}


def test_mask_options_are_the_fields_of_a_request() -> None:
    # A drawing is the stack's; in process it is drawn of the result.
    assert set(get_type_hints(MaskOptions)) == set(MasksRequest.model_fields) - {"visualization"}
