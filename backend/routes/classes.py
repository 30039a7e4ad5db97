"""POST /classes: an image in, the classes of a pack out; GET /classes: which packs there are."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import ClassesForm, ImageDep, KeyHeader, PreferHeader, image_and
from backend.routes.openapi import CLASSES_RESPONSES, also_json
from backend.services import ServicesDep
from edgeseg.classes import PackStore, describe
from edgeseg.schemas import ClassesRequest, PackInfo, SegmentationResult, plan

router = APIRouter(
    tags=["segment"],
    dependencies=image_and(ClassesRequest),
    route_class=AdmittedRoute,
)
listing = APIRouter(tags=["operations"])


@router.post(
    "/classes",
    response_model=SegmentationResult,
    responses=CLASSES_RESPONSES,
    openapi_extra=also_json(ClassesRequest),
)
async def classes(
    request: Request,
    services: ServicesDep,
    form: ClassesForm,
    image: ImageDep,
    prefer: PreferHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Find the classes of a pack in an image, in the order that they are given.

    With `deadline_ms` those that are left when the time is over are named in
    `classes.unfinished`; the others are as they would be without it.
    """
    return await gateway.run_on_image(services, request, "classes", plan(form), form, image)


@listing.get("/classes", response_model=list[PackInfo])
async def class_packs(services: ServicesDep) -> list[PackInfo]:
    """List the packs of classes on the API's own machine; a worker elsewhere may have more."""
    packs = await to_thread.run_sync(_store(services.settings.class_packs).packs)
    return [describe(pack) for pack in packs]


@lru_cache(maxsize=8)
def _store(folder: Path | None) -> PackStore:
    """Return the packs of a folder, so that a file is read once."""
    return PackStore(folder)
