"""GET /engines: which engines can be chosen."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter

from backend.services import ServicesDep
from edgeseg.engines import registry
from edgeseg.schemas import EngineInfo

router = APIRouter(tags=["operations"])


@router.get("/engines", response_model=list[EngineInfo])
async def engines(services: ServicesDep) -> list[EngineInfo]:
    """List the engines by role: which may be chosen, which is the default, and what is missing.

    Availability is that of the API's own machine; a worker elsewhere may have more.
    """
    return await to_thread.run_sync(registry.describe, services.settings)
