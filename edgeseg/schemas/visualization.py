"""The overlay of a result: how it is asked for, and how the answer holds it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

Visualization = Literal["jpeg", "png", "none"]
VisualizationType = Literal["image/jpeg", "image/png"]
MEDIA_TYPES: dict[Visualization, VisualizationType] = {"jpeg": "image/jpeg", "png": "image/png"}
VISUALIZATION_FIELDS = {"visualization", "visualization_type"}
"""The fields of a result that hold the overlay; it is stored apart from the rest."""

# What pydantic reads as a bool, in JSON and in a form.
_YES = ("true", "1", "yes", "on", "y", "t")
_NO = ("false", "0", "no", "off", "n", "f")


def _visualization(value: Any) -> Any:
    """Take true for the default and false for none."""
    word = str(value).lower()
    return "jpeg" if word in _YES else "none" if word in _NO else value


VisualizationField = Annotated[
    Visualization,
    BeforeValidator(_visualization),
    Field(
        description="Overlay in the answer. jpeg or true: a preview of at most 1600 pixels; png: "
        "lossless, of the image's size; none or false: none.",
        examples=["jpeg"],
    ),
]
