"""GET /health and /livez: can a request succeed now, and is the process alive."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from backend.problems import responses
from backend.services import ServicesDep
from edgeseg.errors import NoWorkerError, QueueUnavailableError
from edgeseg.schemas import SegmentRequest, plan
from edgeseg.tasks import unserved

router = APIRouter(tags=["operations"])
# Probes come every few seconds; in a crowd, a reading that is asked for takes its time.
MAX_VIEW_AGE_S = 0.25


class Health(BaseModel):
    """Everything that a request needs is there."""

    status: str = Field(
        "ok", description="Always ok: anything else is a problem document.", examples=["ok"]
    )
    workers: dict[str, int] = Field(
        description="Live workers by queue.", examples=[{"simplifier_queue": 1}]
    )


class Alive(BaseModel):
    """The process answers."""

    status: str = Field("alive", description="Always alive.", examples=["alive"])


@router.get(
    "/health", response_model=Health, responses=responses(QueueUnavailableError, NoWorkerError)
)
async def health(services: ServicesDep) -> Health:
    """Answer 200 only when a request could succeed now, else 503 with what is missing."""
    views = (await services.watch.queues.read(MAX_VIEW_AGE_S)).queues
    stages = plan(SegmentRequest(text_prompt="thing"), services.settings.engine_for("ground"))
    missing = unserved(views, stages) if services.settings.require_workers else []
    if missing:
        raise NoWorkerError(f"No worker serves {', '.join(missing)}.", missing=missing)
    return Health(status="ok", workers={view.name: len(view.workers) for view in views.values()})


@router.get("/livez", response_model=Alive)
async def livez() -> Alive:
    """Answer 200 as long as the process can answer at all."""
    return Alive(status="alive")
