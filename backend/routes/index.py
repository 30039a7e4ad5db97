"""GET /: what this is and where to go."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from edgeseg import __version__

router = APIRouter(tags=["operations"])

_LINKS = {
    "documentation": "/docs",
    "openapi": "/openapi.json",
    "segment": "/segment",
    "masks": "/masks",
    "classes": "/classes",
    "entities": "/entities",
    "simplify": "/simplify",
    "detect": "/detect",
    "tasks": "/tasks/{task_id}",
    "export": "/tasks/{task_id}/export",
    "engines": "/engines",
    "health": "/health",
    "queue_status": "/queue-status",
    "metrics": "/metrics",
}


class Index(BaseModel):
    """The service."""

    name: str = Field(description="Its name.", examples=["EdgeSeg"])
    version: str = Field(description="Its version.", examples=[__version__])
    links: dict[str, str] = Field(description="Its resources.", examples=[_LINKS])


@router.get("/", response_model=Index)
async def index() -> Index:
    """Return the version and the resources."""
    return Index(name="EdgeSeg", version=__version__, links=_LINKS)
