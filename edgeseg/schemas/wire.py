"""What all wire types share: frozen, strict, and errors that name the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from edgeseg.errors import EdgeSegError, InputError, InvalidParameterError, error_class

MAX_PROMPT_CHARS = 4000

BoxXYXY = tuple[float, float, float, float]

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
    return text.strip()


Prompt = Annotated[str, AfterValidator(_prompt)]
Unit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Wire(BaseModel):
    """What travels in JSON: unknown fields are refused, and nothing changes once it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


WireT = TypeVar("WireT", bound=BaseModel)


def parse(model: type[WireT], data: Mapping[str, Any]) -> WireT:
    """Validate ``data``; raise an :class:`InputError` that names each field that is wrong."""
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise input_error(error) from None


def input_error(error: ValidationError) -> EdgeSegError:
    """Translate a validation error; the first one with a code of its own decides the class."""
    rows = [
        {"field": ".".join(str(part) for part in row["loc"]), "problem": row["msg"]}
        for row in error.errors()
    ]
    for row in error.errors():
        chosen = error_class(row["type"])
        if issubclass(chosen, InputError):
            return chosen(row["msg"], errors=rows)
    detail = "; ".join(f"{row['field'] or 'request'}: {row['problem']}" for row in rows)
    return InvalidParameterError(detail, errors=rows)
