"""What all wire types share: frozen, strict, and errors that name the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from edgeseg.errors import EdgeSegError, InputError, InvalidParameterError, error_class

MAX_PROMPT_CHARS = 4000
# A large document may be wrong in each of a million places.
MAX_REPORTED = 20

# No image is wider or higher; whatever computes with numbers from outside stays finite.
MAX_PX = 2**31 - 1
Coordinate = Annotated[float, Field(ge=-MAX_PX, le=MAX_PX, allow_inf_nan=False)]
BoxXYXY = tuple[Coordinate, Coordinate, Coordinate, Coordinate]
# Control characters, line separators, halves of surrogate pairs and noncharacters: files of one
# line a label, XML and UTF-8 cannot hold them.
UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_LINE_END = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
SURROGATE = re.compile("[\ud800-\udfff]")

REASON = "“leftmost” chooses among the boxes that are found."
"""An example that several types show in the API's description."""


def _prompt(text: str) -> str:
    # Blanks of every script separate words; characters that leave no trace are none either.
    if all(sign in ".,;" or sign.isspace() or not sign.isprintable() for sign in text):
        raise PydanticCustomError("empty_prompt", "The prompt holds no words.")
    if len(text) > MAX_PROMPT_CHARS:
        raise PydanticCustomError(
            "prompt_too_long",
            "The prompt has {got} characters; at most {limit} are allowed.",
            {"got": len(text), "limit": MAX_PROMPT_CHARS},
        )
    lines = [UNWRITABLE.sub(" ", line).strip() for line in _LINE_END.split(text)]
    # Each line of a list is a phrase of its own.
    return "\n".join(filter(None, lines))


def _label(text: str) -> str:
    if not text.strip() or UNWRITABLE.search(text):
        raise PydanticCustomError(
            "label", "Expected a label with visible characters and without control characters."
        )
    return text


def _text(text: str) -> str:
    if SURROGATE.search(text):
        raise PydanticCustomError("text", "Expected text without halves of surrogate pairs.")
    return text


Text = Annotated[str, AfterValidator(_text)]
"""Text that UTF-8 can hold; JSON may escape halves of surrogate pairs, which it cannot."""
Prompt = Annotated[str, AfterValidator(_prompt)]
Label = Annotated[str, Field(max_length=200), AfterValidator(_label)]
Unit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Wire(BaseModel):
    """What travels in JSON: unknown fields are refused, and nothing changes once it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


WireT = TypeVar("WireT", bound=BaseModel)


def parse(model: type[WireT], data: Mapping[str, Any]) -> WireT:
    """Validate ``data``; raise an `InputError` that names each field that is wrong."""
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise input_error(error) from None


def input_error(error: ValidationError) -> EdgeSegError:
    """Translate a validation error; the first one with a code of its own decides the class."""
    errors = error.errors(include_url=False, include_input=False)
    rows = [
        {"field": ".".join(str(part) for part in row["loc"])[:200], "problem": row["msg"][:500]}
        for row in errors[:MAX_REPORTED]
    ]
    for row in errors:
        chosen = error_class(row["type"])
        if issubclass(chosen, InputError):
            return chosen(row["msg"], errors=rows)
    detail = "; ".join(f"{row['field'] or 'request'}: {row['problem']}" for row in rows)
    if len(errors) > len(rows):
        detail += f"; and {len(errors) - len(rows)} more"
    return InvalidParameterError(detail, errors=rows)
