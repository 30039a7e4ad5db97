"""POST /masks: an image in, masks of everything out."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from backend import gateway
from backend.admission import AdmittedRoute
from backend.forms import ImageField, KeyHeader, MasksForm, PreferHeader, fields_of
from backend.headers import only_fields
from backend.routes.openapi import MASKS_RESPONSES
from backend.services import ServicesDep
from edgeseg.schemas import MasksRequest, SegmentationResult, plan

router = APIRouter(
    tags=["segment"],
    dependencies=[Depends(only_fields(*fields_of(MasksRequest)))],
    route_class=AdmittedRoute,
)


@router.post("/masks", response_model=SegmentationResult, responses=MASKS_RESPONSES)
async def masks(
    request: Request,
    services: ServicesDep,
    form: MasksForm,
    image: ImageField = None,
    prefer: PreferHeader = None,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Find masks of everything in an image, by clicks on a grid, without words.

    With `points_per_side=0` there are none yet: click by POST /tasks/{id}/refine.
    """
    return await gateway.run_on_image(services, request, "masks", plan(form), form, image)
