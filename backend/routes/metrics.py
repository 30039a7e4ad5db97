"""GET /metrics: Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from backend.services import ServicesDep
from edgeseg.errors import QueueUnavailableError

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=Response)
async def metrics(services: ServicesDep) -> Response:
    """Return requests, errors, stage times, queue lengths and workers, also without Redis."""
    try:
        views = (await services.watch.queues.read()).queues
    except QueueUnavailableError:
        views = None
    return Response(services.telemetry.exposition(views), media_type=CONTENT_TYPE_LATEST)
