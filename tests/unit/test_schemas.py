"""Wire types: defaults, limits, and errors with a code of their own."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from edgeseg import schemas
from edgeseg.errors import (
    EdgeSegError,
    EmptyPromptError,
    InvalidParameterError,
    PromptTooLongError,
)
from edgeseg.schemas import (
    DetectRequest,
    RefineRequest,
    SegmentRequest,
    Simplification,
    parse,
    results,
)
from edgeseg.schemas.run_lengths import decode_counts


def test_defaults_of_a_request() -> None:
    request = parse(SegmentRequest, {"text_prompt": " cat . "})
    assert request.text_prompt == "cat ."
    assert (request.box_threshold, request.text_threshold) == (0.35, 0.25)
    assert (request.simplify, request.visualization, request.max_objects) == ("auto", "jpeg", None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"text_prompt": ""}, EmptyPromptError),
        ({"text_prompt": " . \n. "}, EmptyPromptError),
        ({"text_prompt": "\u3000. \u00a0 .\u200b"}, EmptyPromptError),
        ({"text_prompt": "a" * (schemas.MAX_PROMPT_CHARS + 1)}, PromptTooLongError),
        ({}, InvalidParameterError),
        ({"text_prompt": "cat", "box_threshold": 1.01}, InvalidParameterError),
        ({"text_prompt": "cat", "box_threshold": "nan"}, InvalidParameterError),
        ({"text_prompt": "cat", "text_threshold": -0.1}, InvalidParameterError),
        ({"text_prompt": "cat", "max_objects": 0}, InvalidParameterError),
        ({"text_prompt": "cat", "class_thresholds": {"cat": 7}}, InvalidParameterError),
        ({"text_prompt": "cat", "simplify": "maybe"}, InvalidParameterError),
        ({"text_prompt": "cat", "box_treshold": 0.5}, InvalidParameterError),
    ],
)
def test_bad_requests_name_the_field(fields: dict[str, Any], expected: type[EdgeSegError]) -> None:
    with pytest.raises(expected) as caught:
        parse(SegmentRequest, fields)
    wrong = [row["field"].split(".")[0] for row in caught.value.extra["errors"]]
    assert wrong == [list(fields)[-1] if fields else "text_prompt"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"points": [{"x": 1, "y": 1, "label": 0}]},
        {"box": (5, 5, 5, 9)},
        {"points": [{"x": -1, "y": 1}]},
        {"points": [{"x": 1, "y": 1, "label": 2}]},
    ],
)
def test_refining_needs_something_to_go_by(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError):
        parse(RefineRequest, fields)


def test_negative_points_alone_correct_an_object() -> None:
    request = parse(RefineRequest, {"object_id": 0, "points": [{"x": 1, "y": 1, "label": 0}]})
    assert request.object_id == 0


def test_filters_nest_and_return_from_json() -> None:
    made = Simplification.model_validate(
        {
            "prompt": "all people except the man on the left",
            "simplified_prompt": "person .",
            "phrases": ["person"],
            "filters": [{"kind": "exclude", "filters": [{"kind": "side", "side": "left"}]}],
            "changed": True,
        }
    )
    assert Simplification.model_validate_json(made.model_dump_json()) == made
    assert made.filters[0].filters[0].side == "left"


@pytest.mark.parametrize(
    "model",
    [
        each
        for name, each in vars(schemas).items()
        if isinstance(each, type) and issubclass(each, schemas.Wire) and name[0] != "_"
    ],
)
def test_every_field_is_described(model: type[BaseModel]) -> None:
    assert model.__doc__
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("label", ["", "  ", "a\0b", "a\nb", "\ud800", "x" * 201])
def test_labels_of_refinements_are_visible(label: str) -> None:
    with pytest.raises(InvalidParameterError, match="label"):
        parse(RefineRequest, {"box": [0, 0, 1, 1], "label": label})


def test_control_characters_in_prompts_are_blanks() -> None:
    request = parse(DetectRequest, {"text_prompt": "\0a cat\x1bowl. dog\u009f"})
    assert request.text_prompt == "a cat owl. dog"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\t", "\v", "\u2028", " \n\n "])
def test_lines_of_a_prompt_stay_apart(end: str) -> None:
    request = parse(DetectRequest, {"text_prompt": f"{end}- cat{end}- dog{end}"})
    assert request.text_prompt == "- cat\n- dog"


@pytest.mark.parametrize(
    "box", [(0, 0, float("inf"), 1), (0, 0, 1e300, 1), (float("nan"), 0, 1, 1)]
)
def test_boxes_are_finite(box: tuple[float, ...]) -> None:
    with pytest.raises(InvalidParameterError, match="box"):
        parse(RefineRequest, {"box": box})


def test_a_mask_is_checked_once_however_often_it_is_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    def decode(counts: str, size_hw: tuple[int, int]) -> object:
        seen.append(counts)
        return decode_counts(counts, size_hw)

    monkeypatch.setattr(results, "decode_counts", decode)
    mask = schemas.Rle(size=(2, 5), counts="3221")
    made = schemas.SegmentedObject(
        id=0, label="cat", score=0.5, box=(0, 0, 3, 2), mask=mask, area=5
    )
    assert seen == ["3221"]
    # Another size or other lengths are another mask.
    with pytest.raises(ValidationError, match="add up to"):
        schemas.SegmentedObject(
            **{**dict(made), "mask": made.mask.model_copy(update={"size": (2, 6)})}
        )
