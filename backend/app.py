"""The application factory."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.formparsers import MultiPartParser
from starlette.middleware.cors import CORSMiddleware

from backend import problems, protocols
from backend.admission import Admit
from backend.cross_origin import cors_options, cors_origins
from backend.guard import Guard
from backend.keys import RequireKey
from backend.limits import LimitBody
from backend.methods import AnswerHead
from backend.routes import ROUTERS
from backend.security_headers import SecurityHeaders
from backend.services import open_services
from backend.telemetry import CountRequests, Telemetry
from edgeseg import __version__
from edgeseg.settings import Settings, get_settings
from edgeseg.tasks import DRAWN

DESCRIPTION = """Segment images from words.

Post an image and a prompt to `/segment` and get objects with boxes and masks. Errors are
[RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem documents with a stable `code`.
With `Prefer: respond-async` the answer is 202 at once; follow `/tasks/{id}/events`."""


def _application() -> Callable[..., FastAPI]:
    """Return what makes the application: with the scripts of /docs from a package if it is there.

    Without it they come from a network, which many servers do not have.
    """
    if importlib.util.find_spec("fastapi_offline") is None:
        return FastAPI
    factory: Callable[..., FastAPI] = importlib.import_module("fastapi_offline").FastAPIOffline
    return factory


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; settings come from the environment unless given."""
    settings = settings or get_settings()
    telemetry = Telemetry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings, telemetry) as services:
            app.state.services = services
            yield

    app = _application()(
        title="EdgeSeg",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        # One page of documentation is enough, and this one would load fonts from elsewhere.
        redoc_url=None,
    )
    problems.install(app)
    routers = (*ROUTERS, *protocols.ROUTERS)
    for router in routers:
        app.include_router(router)
    MultiPartParser.spool_max_size = settings.upload_memory_bytes
    app.add_middleware(Admit, routers=routers)
    app.add_middleware(
        LimitBody,
        max_bytes=settings.max_image_bytes,
        max_bytes_of={
            **{f"/{kind}": settings.max_image_bytes for kind in DRAWN},
            "/detect": settings.max_image_bytes,
            "/simplify": settings.max_image_bytes,
            "/label-studio/predict": settings.max_image_bytes,
            "/v1/predict": settings.max_image_bytes,
            "/api/generate": settings.max_image_bytes,
            "/entities": max(settings.max_entities_bytes, settings.max_image_bytes),
        },
    )
    hashes = settings.key_hashes()
    if hashes:
        app.add_middleware(RequireKey, hashes=hashes)
    app.add_middleware(
        Guard, hosts=settings.host_names(), origins=cors_origins(settings.cors_origins)
    )
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, **cors_options(settings.cors_origins))
    app.add_middleware(CountRequests, telemetry=telemetry)
    app.add_middleware(AnswerHead)
    app.add_middleware(SecurityHeaders)
    return app
