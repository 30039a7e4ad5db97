"""What the routes that submit a task document alike."""

from __future__ import annotations

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
    WorkerLostError,
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
