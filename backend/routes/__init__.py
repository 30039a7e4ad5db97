"""One module per resource."""

from fastapi import APIRouter

from backend.routes import (
    classes,
    detect,
    engines,
    entities,
    export,
    health,
    index,
    masks,
    metrics,
    queues,
    segment,
    simplify,
    tasks,
)

ROUTERS: tuple[APIRouter, ...] = (
    segment.router,
    simplify.router,
    detect.router,
    masks.router,
    classes.router,
    classes.listing,
    entities.router,
    tasks.router,
    tasks.submitting,
    export.router,
    export.uploads,
    health.router,
    queues.router,
    engines.router,
    metrics.router,
    index.router,
)
