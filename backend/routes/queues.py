"""GET /queue-status: how long the queues are and who serves them."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from pydantic import BaseModel, Field

from backend.problems import responses
from backend.services import ServicesDep
from edgeseg.errors import QueueUnavailableError

router = APIRouter(tags=["operations"])


class WorkerStatus(BaseModel):
    """A live worker."""

    name: str = Field(description="Its name in Redis.", examples=["5ce26b69"])
    state: str = Field(description="What it does.", examples=["idle", "busy"])
    pid: int = Field(description="Its process.", examples=[4711])
    host: str = Field(description="Its machine or container.", examples=["gpu-1"])
    engine: dict[str, str] = Field(
        description="Its engine and where it runs.", examples=[{"name": "nano", "device": "cpu"}]
    )


class QueueStatus(BaseModel):
    """A queue."""

    waiting: int = Field(description="Jobs that wait.", examples=[0])
    running: int = Field(description="Jobs that run.", examples=[1])
    failed: int = Field(
        description="Jobs that failed for good, until their tasks expire.", examples=[0]
    )
    workers: list[WorkerStatus] = Field(description="Its live workers.")


class QueuesStatus(BaseModel):
    """All queues."""

    queues: dict[str, QueueStatus] = Field(description="By name.")


@router.get(
    "/queue-status", response_model=QueuesStatus, responses=responses(QueueUnavailableError)
)
async def queue_status(services: ServicesDep) -> QueuesStatus:
    """Return the length of each queue and its workers."""
    view = await services.watch.queues.read()
    return QueuesStatus.model_validate({"queues": {n: asdict(v) for n, v in view.queues.items()}})
