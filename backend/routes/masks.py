"""POST /masks: an image in, masks of everything out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import ImageDep, KeyHeader, MasksForm, PreferHeader, image_and
from backend.routes.openapi import MASKS_RESPONSES, also_json
from backend.services import ServicesDep
from edgeseg.schemas import MasksRequest, SegmentationResult, plan

router = APIRouter(
    tags=["segment"],
    dependencies=image_and(MasksRequest),
    route_class=AdmittedRoute,
)


@router.post(
    "/masks",
    response_model=SegmentationResult,
    responses=MASKS_RESPONSES,
    openapi_extra=also_json(MasksRequest),
)
async def masks(
    request: Request,
    services: ServicesDep,
    form: MasksForm,
    image: ImageDep,
    prefer: PreferHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Find masks of everything in an image, by clicks on a grid, without words.

    With `points_per_side=0` there are none yet: click by POST /tasks/{id}/refine.
    """
    return await gateway.run_on_image(services, request, "masks", plan(form), form, image)
