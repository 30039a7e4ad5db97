"""What the routes that submit a task document alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from backend.problems import responses
from edgeseg.errors import (
    AnimatedImageError,
    CancelledError,
    EmptyPromptError,
    EngineNotAllowedError,
    EngineUnavailableError,
    FetchFailedError,
    IdempotencyConflictError,
    ImageTooLargeError,
    InputError,
    InvalidImageError,
    InvalidPackError,
    InvalidParameterError,
    NoEntityError,
    NoImageError,
    NotEnoughMemoryError,
    NoWorkerError,
    PromptTooLongError,
    QueueFullError,
    QueueUnavailableError,
    RequestTimeoutError,
    RequestTooCostlyError,
    StageFailedError,
    TaskNotFinishedError,
    TooManyImagesError,
    UnknownClassError,
    UnknownEngineError,
    UnknownObjectError,
    UnknownPackError,
    UnknownTaskError,
    UrlNotAllowedError,
    WorkerLostError,
)

# A pixel.
_DATA_URI = (
    "data:image/png;name=pixel.png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4"
    "nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
TaskId = Annotated[
    str,
    Path(
        description="Id of the task, as in a result's `task_id`.",
        examples=["b0379cb8c91a4a599563943f96dd2ae3"],
    ),
]


class Accepted(BaseModel):
    """A task that was queued."""

    task_id: str = Field(description="Id of the task.", examples=["3f2c9a"])
    status: str = Field("queued", description="Always queued.", examples=["queued"])
    url: str = Field(description="Where its state and result are.", examples=["/tasks/3f2c9a"])
    events: str = Field(description="Its events.", examples=["/tasks/3f2c9a/events"])


def also_json(
    model: type[BaseModel], one: Sequence[str] = ("image",), several: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what describes the JSON that a route takes beside its form.

    The JSON has the fields of the schema and its images: fields of ``one``, and ``several``.
    """
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    about = "base64, a data URI, or a URL where the server fetches images."
    text: dict[str, Any] = {"type": "string", "examples": [_DATA_URI]}
    images = {name: {**text, "description": f"The image: {about}"} for name in one}
    for name in several:
        images[name] = {"type": "array", "items": text, "description": f"Images: {about}"}
        images[name]["examples"] = [[_DATA_URI]]
    for field in schema["properties"].values():
        field.setdefault("examples", [field.get("default", {})])
    schema["properties"] = {**images, **schema["properties"]}
    schema["required"] = [*one, *schema.get("required", [])]
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


# Where the framework refuses a body that is neither a form nor JSON, the base class says it.
_PROMPT = (
    InputError,
    EmptyPromptError,
    PromptTooLongError,
    InvalidParameterError,
    UnknownEngineError,
    EngineNotAllowedError,
)
_IMAGE = (
    RequestTooCostlyError,
    NoImageError,
    UrlNotAllowedError,
    FetchFailedError,
    InvalidImageError,
    AnimatedImageError,
    ImageTooLargeError,
)
_STACK = (
    QueueUnavailableError,
    QueueFullError,
    NoWorkerError,
    EngineUnavailableError,
    NotEnoughMemoryError,
    RequestTimeoutError,
    StageFailedError,
    WorkerLostError,
    CancelledError,
    IdempotencyConflictError,
)
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": Accepted,
        "description": "With `Prefer: respond-async`: queued; `Location` is the task.",
    }
}
IMAGE_RESPONSES = {**_ACCEPTED, **responses(*_IMAGE, *_PROMPT, *_STACK)}
ENTITIES_RESPONSES = {
    **_ACCEPTED,
    **responses(NoEntityError, TooManyImagesError, *_IMAGE, *_PROMPT, *_STACK),
}
MASKS_RESPONSES = {
    **_ACCEPTED,
    **responses(
        InputError,
        InvalidParameterError,
        UnknownEngineError,
        EngineNotAllowedError,
        *_IMAGE,
        *_STACK,
    ),
}
CLASSES_RESPONSES = {
    **_ACCEPTED,
    **responses(
        InputError,
        InvalidParameterError,
        UnknownPackError,
        UnknownClassError,
        InvalidPackError,
        UnknownEngineError,
        EngineNotAllowedError,
        *_IMAGE,
        *_STACK,
    ),
}
REFINE_RESPONSES = {
    **_ACCEPTED,
    **responses(
        InputError,
        ImageTooLargeError,
        InvalidParameterError,
        UnknownEngineError,
        EngineNotAllowedError,
        UnknownTaskError,
        UnknownObjectError,
        TaskNotFinishedError,
        *_STACK,
    ),
}
