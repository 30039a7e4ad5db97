"""A task on its way, what happens to it, and the engines that it can choose."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from pydantic import Field

from edgeseg.schemas.entities import EntitiesResult
from edgeseg.schemas.results import TIMINGS, DetectionResult, RefineResult, SegmentationResult
from edgeseg.schemas.simplification import Simplification
from edgeseg.schemas.wire import Wire
from edgeseg.settings import Role

TaskState = Literal["queued", "running", "done", "failed", "cancelled"]
FINAL_STATES: frozenset[TaskState] = frozenset({"done", "failed", "cancelled"})
EventType = Literal[
    "queued", "started", "progress", "finished", "skipped", "done", "failed", "cancelled"
]


# Ids of tasks: the tag of the stack that has it, where there are several, and 128 random bits.
TASK_ID = r"(?:[a-z0-9]{1,12}-)?[0-9a-f]{32}"


def new_task_id(stack: str = "") -> str:
    """Return an id that no other task has; it begins with the tag of a stack."""
    random = uuid.uuid4().hex
    return f"{stack}-{random}" if stack else random


class StageEvent(Wire):
    """Something that happened to a task."""

    id: str = Field("", description="Position in the stream, to resume from.")
    type: EventType = Field(description="What happened; done, failed and cancelled come last.")
    stage: Role | None = Field(None, description="Stage that it happened to; null: the task.")
    at: float = Field(description="Seconds since 1970.")
    data: dict[str, Any] = Field(default_factory=dict, description="Facts about it.")


class TaskStatus(Wire):
    """A task as it stands."""

    task_id: str = Field(description="Id of the task.", examples=["3f2c9a"])
    status: TaskState = Field(description="Where it stands.", examples=["running"])
    prompt: str = Field(description="The prompt of the request.", examples=["the leftmost cat"])
    plan: list[Role] = Field(
        description="Its stages in order.", examples=[["simplify", "detect", "segment"]]
    )
    stage: Role | None = Field(
        None, description="Stage that runs or waits now.", examples=["detect"]
    )
    queue_position: int | None = Field(
        None,
        description="Tasks that run or wait before this one in its queue; null when its stage does "
        "not wait.",
        examples=[2],
    )
    created_at: float = Field(description="Seconds since 1970.", examples=[1730000000.1])
    finished_at: float | None = Field(
        None, description="Seconds since 1970.", examples=[1730000000.2]
    )
    timings_ms: dict[str, float] = Field(
        default_factory=dict, description="So far.", examples=[TIMINGS]
    )
    result: (
        SegmentationResult | DetectionResult | Simplification | RefineResult | EntitiesResult | None
    ) = Field(None, description="Once it is done.")
    error: dict[str, Any] | None = Field(
        None,
        description="Problem document once it failed.",
        examples=[{"code": "stage_failed", "status": 500, "title": "Stage failed"}],
    )


class EngineInfo(Wire):
    """An engine that could be chosen, and whether it can run here."""

    name: str = Field(description="Name to choose it by.", examples=["nano"])
    role: Role = Field(description="Its role.", examples=["detect"])
    description: str = Field(
        description="What it is, in a sentence.", examples=["Rules and word vectors."]
    )
    licence: str = Field(description="Licence of its weights.", examples=["Apache-2.0"])
    size_mb: float | None = Field(
        None, description="Size of its weights in megabytes.", examples=[12.5]
    )
    weights: str = Field(
        "", description="Where its weights come from.", examples=["in the package"]
    )
    extra: str | None = Field(
        None, description="Extra of the package that it needs.", examples=[None]
    )
    available: bool = Field(
        description="Whether packages and weights are installed.", examples=[True]
    )
    missing: str = Field("", description="What is missing and how to get it.", examples=[""])
    default: bool = Field(
        False, description="Whether it is used when none is chosen.", examples=[True]
    )
    allowed: bool = Field(
        True, description="Whether a request to this server may choose it.", examples=[True]
    )
